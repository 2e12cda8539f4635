import { describe, expect, it } from '@jest/globals'
import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import type { SealedPart } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { SealedPartSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { PublicKey } from './key-store.js'
import { KeyDestroyed } from './key-store.js'
import { createOpener, SealBroken } from './x25519-opener.js'
import { createSealer } from './x25519-sealer.js'
import { agree, newPair } from './x25519.js'

const tenant = 'ten_01k00000000000000000000001'
const pair = newPair()
const other = newPair()
const key: PublicKey = { keyId: 'key_1', publicKey: pair.publicKey }
const otherKey: PublicKey = { keyId: 'key_2', publicKey: other.publicKey }
const pairs = new Map([
  ['key_1', pair],
  ['key_2', other],
])
let destroyed = ''
let agreed = 0
const opener = (maxAgeMs = 60_000) =>
  createOpener({
    keys: {
      agree: async (_tenant, keyId, ephemeral) => {
        agreed++
        if (keyId === destroyed) throw new KeyDestroyed(keyId)
        return agree(pairs.get(keyId)!.privateKey, ephemeral)
      },
      publicKey: async (_tenant, keyId) => pairs.get(keyId)!.publicKey,
    },
    maxAgeMs,
  })
const copy = (part: SealedPart, change: Partial<SealedPart>): SealedPart => create(SealedPartSchema, { ...part, ...change })

describe('createSealer()', () => {
  it('seals what an opener opens: any text comes back exactly, and the commitment holds', async () => {
    const sealer = createSealer()
    const open = opener()
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a\r\nb', '\u2028\u2029', '\ud800', '\0', '{"level":30}\n'))
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(text, fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.array(text))),
        async (details) => {
          const opened = await open.open(sealer.seal(key, tenant, 'evt_1', details), tenant, 'evt_1')
          expect(JSON.stringify(opened.details, Object.keys(opened.details).sort())).toBe(
            JSON.stringify(details, Object.keys(details).sort()),
          )
          expect(opened.committed).toBe(true)
          expect(opened.salt).toHaveLength(32)
        },
      ),
    )
  })

  it('shows nothing of what it sealed; without sealing it would', () => {
    const details = { email: 'canary@example.org' }
    const part = createSealer().seal(key, tenant, 'evt_1', details, 'usr_1')
    expect(Buffer.from(toBinary(SealedPartSchema, part)).includes('canary')).toBe(false)
    const open = copy(part, { ciphertext: Buffer.from(JSON.stringify(details)) })
    expect(Buffer.from(toBinary(SealedPartSchema, open)).includes('canary')).toBe(true)
  })

  it('commits as the contract says, with a fresh salt each time', async () => {
    const sealer = createSealer()
    const parts = [1, 2].map(() => sealer.seal(key, tenant, 'evt_1', { b: 1, a: 'x' }))
    expect(parts[0]!.commitment).not.toEqual(parts[1]!.commitment)
    const { salt } = await opener().open(parts[0]!, tenant, 'evt_1')
    const expected = createHash('sha256').update('tenantry.sealed.v1').update(Buffer.of(0)).update(salt).update('{"a":"x","b":1}').digest()
    expect(Buffer.from(parts[0]!.commitment)).toEqual(expected)
  })

  it('opens under nothing else: another event, tenant, subject, key, or a flipped byte', async () => {
    const sealer = createSealer()
    const part = sealer.seal(key, tenant, 'evt_1', { a: 1 }, 'usr_1')
    const open = opener()
    await expect(open.open(part, tenant, 'evt_2')).rejects.toThrow(SealBroken)
    await expect(open.open(part, 'ten_2', 'evt_1')).rejects.toThrow(SealBroken)
    await expect(open.open(copy(part, { subjectId: 'usr_2' }), tenant, 'evt_1')).rejects.toThrow(SealBroken)
    await expect(open.open(copy(part, { keyId: 'key_2' }), tenant, 'evt_1')).rejects.toThrow(SealBroken)
    const foreign = sealer.seal(otherKey, tenant, 'evt_1', { a: 1 }, 'usr_1')
    await expect(open.open(copy(part, { wrappedKey: foreign.wrappedKey }), tenant, 'evt_1')).rejects.toThrow()
    for (const field of ['wrappedKey', 'ciphertext'] as const)
      for (let i = 0; i < part[field].length; i++) {
        const bytes = Buffer.from(part[field])
        bytes[i]! ^= 1
        await expect(open.open(copy(part, { [field]: bytes }), tenant, 'evt_1')).rejects.toThrow()
      }
    for (const cut of [new Uint8Array(), part.ciphertext.subarray(0, 27)])
      await expect(open.open(copy(part, { ciphertext: cut }), tenant, 'evt_1')).rejects.toThrow(SealBroken)
    expect((await open.open(part, tenant, 'evt_1')).committed).toBe(true)
  })

  it('tells a commitment that belongs to something else', async () => {
    const sealer = createSealer()
    const [a, b] = [sealer.seal(key, tenant, 'evt_1', { a: 1 }), sealer.seal(key, tenant, 'evt_1', { a: 2 })]
    expect((await opener().open(copy(a, { commitment: b.commitment }), tenant, 'evt_1')).committed).toBe(false)
  })

  it('has a data key of its own for each tenant, user and hour, and retires it by count', () => {
    let now = 1_700_000_000_000
    const sealer = createSealer({ now: () => now, maxUses: 3 })
    const wrapped = (tenantId: string, subject?: string) =>
      Buffer.from(sealer.seal(key, tenantId, 'e', {}, subject).wrappedKey).toString('hex')
    const first = wrapped(tenant)
    expect([wrapped(tenant), wrapped(tenant)]).toEqual([first, first])
    expect(wrapped(tenant)).not.toBe(first)
    expect(new Set([wrapped('ten_2'), wrapped('ten_3', 'usr_1'), wrapped('ten_3', 'usr_2')]).size).toBe(3)
    const before = wrapped('ten_4')
    now += 3_600_000
    expect(wrapped('ten_4')).not.toBe(before)
  })

  it('repeats no nonce, and opens after its keys were dropped and made anew', async () => {
    const sealer = createSealer({ maxKeys: 2 })
    const parts = Array.from({ length: 200 }, (_, i) => sealer.seal(key, tenant, `e${i}`, { i }, `usr_${i % 5}`))
    expect(new Set(parts.map(({ ciphertext }) => Buffer.from(ciphertext.subarray(0, 12)).toString('hex'))).size).toBe(200)
    const open = opener()
    for (const i of [0, 1, 7, 199]) expect((await open.open(parts[i]!, tenant, `e${i}`)).details).toEqual({ i })
  })

  it('refuses a public key of small order', () => {
    const low: PublicKey = { keyId: 'key_low', publicKey: new Uint8Array(32) }
    expect(() => createSealer().seal(low, tenant, 'evt_1', {})).toThrow()
  })
})

describe('createOpener()', () => {
  it('asks for a data key once while it is young, and not at all once the key is destroyed', async () => {
    const part = createSealer().seal(key, tenant, 'evt_1', { a: 1 })
    const [keeping, forgetting] = [opener(), opener(0)]
    agreed = 0
    await keeping.open(part, tenant, 'evt_1')
    await keeping.open(part, tenant, 'evt_1')
    expect(agreed).toBe(1)
    await forgetting.open(part, tenant, 'evt_1')
    destroyed = 'key_1'
    await expect(forgetting.open(part, tenant, 'evt_1')).rejects.toThrow(KeyDestroyed)
    destroyed = ''
  })
})
