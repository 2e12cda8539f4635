import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PLATFORM_TENANT } from '../ids.js'
import { testDatabase } from '../postgres/testing.js'
import type { TestDatabase } from '../postgres/testing.js'
import { KeyDestroyed } from './key-store.js'
import type { Kms } from './kms.js'
import { openLocalKeyring } from './local-keyring.js'
import { createPostgresKeyStore, KEY_MIGRATIONS } from './postgres-key-store.js'
import { agree, newPair } from './x25519.js'

const A = 'ten_01k00000000000000000000001'
const B = 'ten_01k00000000000000000000002'
const U = 'usr_01k00000000000000000000003'

describe('createPostgresKeyStore()', () => {
  let database: TestDatabase
  let kms: Kms
  const store = (role: string, more: { maxAgeMs?: number } = {}) => {
    const pool = database.pool(role)
    // The pool is the fixture's to close.
    return createPostgresKeyStore({ pool: { query: (query) => pool.query(query) }, kms, ...more })
  }
  beforeAll(async () => {
    database = await testDatabase({ service: 'keys', migrations: KEY_MIGRATIONS })
    kms = await openLocalKeyring({ path: join(await mkdtemp(join(tmpdir(), 'tenantry-keys-')), 'keyring.json') })
  })
  afterAll(() => database.close())

  it('answers with the same keys when asked again, also at once and from two processes', async () => {
    const stores = [store('keys_audit'), store('keys_audit'), store('keys_identity')]
    const pairs = await Promise.all([...stores, ...stores].map((keys) => keys.createTenantKeys(A)))
    expect(new Set(pairs.map(({ keyId, publicKey }) => keyId + Buffer.from(publicKey).toString('hex'))).size).toBe(1)
    const users = await Promise.all(stores.map((keys) => keys.createUserKeys(A, U)))
    expect(new Set(users.map(({ keyId }) => keyId)).size).toBe(1)
    expect(users[0]!.keyId).not.toBe(pairs[0]!.keyId)
    const identity = [store('keys_identity'), store('keys_identity')]
    const data = await Promise.all([...identity, ...identity].map((keys) => keys.dataKey(A, 'identity.request')))
    expect(new Set(data.map(({ keyId, key }) => keyId + key.toString('hex'))).size).toBe(1)
    expect(data[0]!.key).toHaveLength(32)
  })

  it('makes keys of its own for each tenant, purpose and user, the platform among them', async () => {
    const keys = store('keys_identity')
    const made = await Promise.all([
      keys.dataKey(A, 'identity.one'),
      keys.dataKey(B, 'identity.one'),
      keys.dataKey(A, 'identity.two'),
      keys.dataKey(PLATFORM_TENANT, 'identity.one'),
    ])
    expect(new Set(made.map(({ key }) => key.toString('hex'))).size).toBe(4)
    expect((await keys.createTenantKeys(PLATFORM_TENANT)).publicKey).toHaveLength(32)
  })

  it('agrees on a secret with whoever has the public half, in audit alone', async () => {
    const { keyId, publicKey } = await store('keys_identity').createUserKeys(B, U)
    const other = newPair()
    const expected = agree(other.privateKey, publicKey)
    const audit = store('keys_audit')
    expect(await audit.agree(B, keyId, other.publicKey)).toEqual(expected)
    expect(Buffer.from(await audit.publicKey(B, keyId))).toEqual(Buffer.from(publicKey))
    for (const role of ['keys_identity', 'keys_data'])
      await expect(store(role).agree(B, keyId, other.publicKey)).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' })
    await expect(audit.agree(A, keyId, other.publicKey)).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' })
  })

  it('keeps private halves from identity and data in the database itself; with the grant they are read', async () => {
    const read = (role: string) => database.pool(role).query('select wrapped from pool.private_half')
    await store('keys_identity').createUserKeys(A, U)
    await expect(read('keys_identity')).rejects.toThrow('permission denied')
    await expect(read('keys_data')).rejects.toThrow('permission denied')
    await expect(database.pool('keys_identity').query(`delete from pool.private_half`)).rejects.toThrow('permission denied')
    await expect(database.pool('keys_audit').query(`update pool.kek set wrapped = null`)).rejects.toThrow('permission denied')
    await database.query('grant select on pool.private_half to keys_data')
    expect((await read('keys_data')).rows.length).toBeGreaterThan(0)
    await database.query('revoke select on pool.private_half from keys_data')
  })

  it('keeps the data keys of one service from the others', async () => {
    await store('keys_data').dataKey(A, 'data.request')
    const seen = await database.pool('keys_identity').query(`select purpose from pool.data_key`)
    expect(seen.rows.every(({ purpose }: { purpose: string }) => purpose.startsWith('identity.'))).toBe(true)
    await expect(store('keys_identity').dataKey(A, 'data.request')).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' })
    expect(await database.query(`select from pool.data_key where purpose = 'data.request'`)).toHaveLength(1)
  })

  it('stores nothing in clear', async () => {
    const { key } = await store('keys_data').dataKey(B, 'data.clear')
    const stored = await database.query<{ wrapped: Buffer }>(`select wrapped from pool.data_key where purpose = 'data.clear'`)
    expect(stored[0]!.wrapped.includes(key)).toBe(false)
  })

  it('does not unwrap a key that was moved to another tenant or purpose', async () => {
    const keys = store('keys_data')
    await Promise.all([keys.dataKey(A, 'data.moved'), keys.dataKey(B, 'data.moved'), keys.dataKey(A, 'data.other')])
    const put = (from: string, fromPurpose: string, to: string, toPurpose: string) =>
      database.query(
        `update pool.data_key t set wrapped = f.wrapped, key_id = f.key_id from pool.data_key f
         where f.tenant_id = $1 and f.purpose = $2 and t.tenant_id = $3 and t.purpose = $4`,
        [from, fromPurpose, to, toPurpose],
      )
    await put(A, 'data.moved', B, 'data.moved')
    await put(A, 'data.moved', A, 'data.other')
    await expect(store('keys_data').dataKey(B, 'data.moved')).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' })
    await expect(store('keys_data').dataKey(A, 'data.other')).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' })
    await expect(store('keys_data').dataKey(A, 'data.moved')).resolves.toBeDefined()
  })

  it('tells a destroyed key from one that is not there, and never makes it again', async () => {
    const tenant = 'ten_01k00000000000000000000009'
    const { keyId } = await store('keys_identity').createUserKeys(tenant, U)
    const audit = store('keys_audit', { maxAgeMs: 0 })
    const other = newPair().publicKey
    await audit.agree(tenant, keyId, other)
    await database.query('update pool.private_half set wrapped = null, destroyed = now() where tenant_id = $1', [tenant])
    await expect(audit.agree(tenant, keyId, other)).rejects.toThrow(KeyDestroyed)
    expect((await store('keys_identity').createUserKeys(tenant, U)).keyId).toBe(keyId)
    await database.query('update pool.kek set wrapped = null, destroyed = now() where tenant_id = $1', [tenant])
    await expect(store('keys_data').dataKey(tenant, 'data.request')).rejects.toThrow(KeyDestroyed)
  })

  it('goes on with what it has for a while when the KMS is down, and says so afterwards', async () => {
    let down = false
    const failing: Kms = { ...kms, unwrap: (...given) => (down ? Promise.reject(new Error('down')) : kms.unwrap(...given)) }
    const pool = database.pool('keys_data')
    const short = createPostgresKeyStore({ pool: { query: (query) => pool.query(query) }, kms: failing, maxAgeMs: 150 })
    const before = await short.dataKey(A, 'data.outage')
    down = true
    expect(await short.dataKey(A, 'data.outage')).toEqual(before)
    await new Promise((resolve) => setTimeout(resolve, 170))
    await expect(short.dataKey(A, 'data.outage')).rejects.toThrow('down')
  })
})
