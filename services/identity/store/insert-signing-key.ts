import type { Statement } from '../../platform/postgres/statement.js'

export interface NewSigningKey {
  readonly tenantId: string
  readonly generation: number
  readonly kid: string
  readonly publicJwk: object
  readonly wrappedPrivate: Uint8Array
  /** Seconds from now until it signs. */
  readonly activeIn: number
}

/** Publishes a signing key; no row when another replica made that generation first. */
export const insertSigningKey = (key: NewSigningKey): Statement<{ kid: string; version: bigint }> => ({
  name: 'insert-signing-key',
  text: `insert into @.signing_keys (tenant_id, generation, kid, public_jwk, wrapped_private, active_from)
         values ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))
         on conflict (tenant_id, generation) do nothing returning kid, 1 as version`,
  values: [key.tenantId, key.generation, key.kid, JSON.stringify(key.publicJwk), Buffer.from(key.wrappedPrivate), key.activeIn],
  rows: { min: 0, max: 1 },
  writes: true,
})
