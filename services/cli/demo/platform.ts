import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { RoleService } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { OperationService } from '../../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import type { Tier } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { TenantService } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { Edge, OpenEdge } from '../context.js'
import { UsageError } from '../usage-error.js'

/** One person's way into the platform. */
export interface Seat {
  readonly edge: Edge
  readonly tenantId: string
  readonly userId: string
}

export interface Operator extends Seat {
  readonly gateway: string
  readonly ca: string | undefined
}

/** Logs in and answers with a connection that carries the token: the demo is over long before it ends. */
export const logIn = async (
  openEdge: OpenEdge,
  platform: { gateway: string; ca: string | undefined },
  credential: { slug: string; email: string; password: string },
): Promise<Seat> => {
  const held: { token?: string } = {}
  const edge = openEdge(platform.gateway, platform.ca, () => Promise.resolve(held.token))
  const { session, tokens } = await edge.client(SessionService).createSession(credential)
  held.token = tokens!.accessToken
  return { edge, tenantId: session!.tenantId, userId: session!.userId }
}

/** The first operator, by the credential that the first start left in the state directory. */
export const operatorOf = async (openEdge: OpenEdge, stateDirectory: string): Promise<Operator> => {
  const read = (name: string): string => {
    try {
      return readFileSync(`${stateDirectory}/${name}`, 'utf8')
    } catch {
      throw new UsageError(`${stateDirectory}/${name} cannot be read: is the platform running? (npm start)`)
    }
  }
  const credential = JSON.parse(read('operator.json')) as { gateway: string; slug: string; email: string; password: string }
  const platform = { gateway: credential.gateway, ca: read('ca.pem') }
  return { ...platform, ...(await logIn(openEdge, platform, credential)) }
}

/** A new tenant with one administrator, who is logged in. */
export const onboard = async (
  openEdge: OpenEdge,
  operator: Operator,
  tenant: { slug: string; name: string; tier: Tier; email: string },
): Promise<Seat> => {
  const { operation, tenantId } = await operator.edge
    .client(TenantService)
    .createTenant({ slug: tenant.slug, displayName: tenant.name, tier: tenant.tier })
  const { operation: done } = await operator.edge
    .client(OperationService)
    .waitOperation({ tenantId, operationId: operation!.operationId, timeout: { seconds: 25n, nanos: 0 } })
  if (!done!.done || done!.result.case === 'error') throw new Error(`provisioning of ${tenant.slug} did not end well`)
  const password = randomBytes(18).toString('base64url')
  const { user } = await operator.edge
    .client(UserService)
    .createUser({ tenantId, email: tenant.email, displayName: 'Administrator', password })
  const roles = operator.edge.client(RoleService)
  const admin = (await roles.listRoles({ tenantId, pageSize: 200 })).roles.find((role) => role.name === 'admin')!
  await roles.grantRole({ tenantId, roleId: admin.roleId, subjectId: user!.userId })
  return logIn(openEdge, operator, { slug: tenant.slug, email: tenant.email, password })
}
