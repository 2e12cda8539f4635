/** Public half of an X25519 pair, raw 32 bytes. */
export interface PublicKey {
  readonly keyId: string
  readonly publicKey: Uint8Array
}

/**
 * Wrapped keys, apart from what they open: KEKs of tenants (wrapped by the KMS), X25519 private halves of tenants and users and data keys (wrapped by
 * the KEK). Every method is idempotent: asked again it answers with the same key.
 */
export interface KeyStore {
  /** The tenant's KEK and X25519 pair. */
  createTenantKeys(tenantId: string): Promise<PublicKey>
  /** A user's X25519 pair. */
  createUserKeys(tenantId: string, userId: string): Promise<PublicKey>
  /**
   * A symmetric data key of 32 bytes, made when first asked for. A purpose begins with its service (`identity.request`, `data.request`): no other gets it.
   * The caller owns the buffer.
   */
  dataKey(tenantId: string, purpose: string): Promise<{ keyId: string; key: Buffer }>
  /** ECDH with the private half of `keyId`: only the audit service is given a store that can. 32 bytes; throws KeyDestroyed. */
  agree(tenantId: string, keyId: string, ephemeralPublic: Uint8Array): Promise<Buffer>
  ready(): Promise<boolean>
  close(): Promise<void>
}

/** The key is gone for good: what it sealed cannot be opened any more. */
export class KeyDestroyed extends Error {
  constructor(keyId: string) {
    super(`key ${keyId} was destroyed`)
    this.name = 'KeyDestroyed'
  }
}
