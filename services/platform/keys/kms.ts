/**
 * The KMS port: it wraps and unwraps, nothing else. Adapters: local keyring (default), later AWS KMS and transit. `context` is authenticated with
 * what is wrapped: unwrapping under another fails. Errors: AppError KEYS_UNAVAILABLE; KeyDestroyed.
 */
export interface Kms {
  /** Wraps up to 4 KiB under the named key. */
  wrap(keyName: string, plaintext: Uint8Array, context: Readonly<Record<string, string>>): Promise<Uint8Array>
  unwrap(keyName: string, wrapped: Uint8Array, context: Readonly<Record<string, string>>): Promise<Uint8Array>
  ready(): Promise<boolean>
}
