import { createHmac } from 'node:crypto'
import { isId, PLATFORM_TENANT } from '../ids.js'
import type { ContextPurpose } from './database.js'
import type { ContextKey } from './secrets.js'

export interface ContextClaims {
  readonly tenant: string
  readonly purpose: ContextPurpose
  /** Of the backend that may use it. */
  readonly pid: number
  /** Unix milliseconds of the database's clock. */
  readonly expires: number
  /** Operation id, for `provision`. */
  readonly operation?: string
}

/** Signs tenant contexts: the text that `platform.signed_context` verifies. Throws for a tenant id that is none, so that nothing else is ever signed. */
export const contextSigner = ({ id, secret }: ContextKey): ((claims: ContextClaims) => string) => {
  const key = Buffer.from(secret, 'base64url')
  return ({ tenant, purpose, pid, expires, operation = '' }) => {
    if (!isId('ten', tenant)) throw new Error('tenant context of what is no tenant id')
    if (operation !== '' && !isId('op', operation)) throw new Error('tenant context with what is no operation id')
    if (purpose === 'platform' && tenant !== PLATFORM_TENANT) throw new Error('only the platform tenant reads across tenants')
    const signed = `v1.${id}.${purpose}.${tenant}.${pid}.${Math.ceil(expires)}.${operation}`
    return `${signed}.${createHmac('sha256', key).update(signed).digest('hex')}`
  }
}
