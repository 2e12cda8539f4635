import type { TenantFact } from '../../../proto/gen/tenantry/facts/v1/facts_pb.js'
import type { CreateSessionRequest } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { PLATFORM_TENANT } from '../../platform/ids.js'
import type { Call } from '../../platform/mesh/call.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { IdentityDeps } from '../deps.js'
import { inTenant } from '../deps.js'
import type { LoginRow } from '../store/select-login.js'
import { selectLogin } from '../store/select-login.js'

/** A login on its way: what the checks so far established. */
export interface Login {
  readonly request: CreateSessionRequest
  readonly call: Call
  readonly emailKey: string
  tenant?: TenantFact
  user?: LoginRow
}

/**
 * One check. Until the password was checked none tells what it found: one that found nothing leaves its field unset, and those after it do the same
 * work all the same.
 */
export type LoginCheck = (login: Login, deps: IdentityDeps) => Promise<void>

export const withinLimits: LoginCheck = ({ request, call, emailKey }, { limits }) => limits.count(call, { slug: request.slug, emailKey })

/**
 * Resolves the slug, and enters its tenant: from here on the tenant's log has the record. The newest facts are asked for, whatever the slug: a tenant that
 * began a moment ago is there, and one that is not takes no longer than one that is.
 */
export const tenantIsKnown: LoginCheck = async (login, { facts }) => {
  await facts.refresh(login.call.deadline)
  const tenant = facts.tenantBySlug(login.request.slug)
  if (tenant === undefined || tenant.deleted) return
  login.tenant = tenant
  login.call.enterTenant(tenant.tenantId)
}

/** An unknown tenant costs the same query, of the platform's users and for an address that nobody can have. */
export const userIsKnown: LoginCheck = async (login, { db }) => {
  const tenantId = login.tenant?.tenantId ?? PLATFORM_TENANT
  const [[user]] = await db.run(inTenant(login.call, tenantId), selectLogin(tenantId, login.tenant ? login.emailKey : ''))
  login.user = user
}

export const passwordMatches: LoginCheck = async ({ request, call, user }, { passwords }) => {
  const matches = await passwords.verify(request.password, user?.secret ?? undefined, call.deadline.signal)
  if (!matches) throw new AppError('CREDENTIALS_REJECTED', 'the tenant, the e-mail address or the password is wrong')
}

/** What only those hear who proved who they are. */
export const mayEnter: LoginCheck = async ({ tenant, user }) => {
  if (tenant?.status === 'suspended') throw new AppError('TENANT_SUSPENDED', 'the tenant is suspended')
  if (tenant?.status !== 'active') throw new AppError('TENANT_NOT_READY', 'the tenant is not ready')
  if (user?.status !== 'active') throw new AppError('SUBJECT_SUSPENDED', 'the user is suspended')
}

/** A password login, in order. */
export const PASSWORD_LOGIN: readonly LoginCheck[] = [withinLimits, tenantIsKnown, userIsKnown, passwordMatches, mayEnter]
