/** Rows as the driver gives them: bigint as text, timestamptz as Date, bytea as Buffer, jsonb parsed. */

export interface UserRow {
  readonly tenant_id: string
  readonly user_id: string
  readonly version: bigint
  readonly email: string | null
  readonly email_key: string | null
  readonly display_name: string
  readonly status: 'active' | 'suspended' | 'deleted'
  readonly public_key: Buffer
  readonly public_key_id: string
  readonly create_time: Date
  readonly update_time: Date
}

export interface SessionRow {
  readonly tenant_id: string
  readonly session_id: string
  readonly user_id: string
  readonly version: bigint
  readonly auth_time: Date
  readonly mfa: boolean
  readonly create_time: Date
  readonly last_used_time: Date
  readonly expire_time: Date
  readonly revoked_time: Date | null
}

export interface RefreshTokenRow {
  readonly tenant_id: string
  readonly session_id: string
  readonly generation: number
  readonly expire_time: Date
}

export interface RoleRow {
  readonly tenant_id: string
  readonly role_id: string
  readonly version: bigint
  readonly name: string
  readonly description: string
  readonly actions: string[]
  readonly built_in: boolean
  readonly create_time: Date
  readonly update_time: Date
}

export interface GrantRow {
  readonly tenant_id: string
  readonly user_id: string
  readonly role_id: string
  readonly collection_id: string
  readonly create_time: Date
}

export interface SigningKeyRow {
  readonly generation: number
  readonly kid: string
  readonly public_jwk: Record<string, unknown>
  readonly wrapped_private: Buffer
  readonly active_from: Date
  /** The database's clock when it was read: replicas agree on which key signs. */
  readonly now: Date
}
