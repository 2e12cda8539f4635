import { createHmac, hkdfSync } from 'node:crypto'

/**
 * Log keys of tenants, HKDF-SHA-256 of the journal secret (at least 32 bytes, the same in all processes of a region). Only those who may know which tenant a
 * blinded one is are given it.
 */
export const logKeys =
  (secret: Uint8Array): ((tenantId: string) => Buffer) =>
  (tenantId) => {
    if (secret.length < 32) throw new RangeError('the journal secret needs 32 bytes')
    return Buffer.from(hkdfSync('sha256', secret, '', `tenantry.journal.log-key.v1/${tenantId}`, 32))
  }

/** A tenant as an epoch's end names it: HMAC-SHA-256(the tenant's log key, epoch). Differs in each epoch, so that ends cannot be joined. */
export const blinded = (logKey: Uint8Array, epoch: Uint8Array): Buffer => createHmac('sha256', logKey).update(epoch).digest()
