import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from '@jest/globals'
import { SealedPartSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Facts } from '../facts/facts.js'
import type { Sealer } from '../keys/sealer.js'
import { newId } from '../ids.js'
import type { EventDraft } from './draft.js'
import { sealDraft } from './prepare-draft.js'

const tenant = newId('ten')
const key = (keyId: string) => ({ publicKeyId: keyId, publicKey: new Uint8Array(32) })
const facts = {
  tenant: (id: string) => (id === tenant ? key('key_tenant') : undefined),
  subject: (id: string, subject: string) => (id === tenant && subject === 'usr_1' ? key('key_usr_1') : undefined),
} as unknown as Facts
const sealer: Sealer = {
  seal: ({ keyId }, tenantId, boundTo, details, subjectId = '') =>
    create(SealedPartSchema, { keyId, subjectId, ciphertext: Buffer.from(JSON.stringify([tenantId, boundTo, details])) }),
}
const draft: EventDraft = {
  type: 'tenantry.identity.user.created.v1',
  topic: 'facts',
  subject: 'tenants/x/users/usr_1',
  personal: [{ details: { note: 1 } }, { subjectId: 'usr_1', details: { email: 'a@b' } }, { details: { more: 2 } }],
}
const call = () => {
  let numbered = 0
  return { tenant, nextEvent: () => ({ id: 'evt_1', ordinal: ++numbered }), numbered: () => numbered }
}

describe('sealDraft()', () => {
  it('numbers the event and seals one part for each key, bound to the event', () => {
    const sealed = sealDraft(draft, call(), sealer, facts)
    expect(sealed).toMatchObject({ id: 'evt_1', ordinal: 1, type: draft.type })
    expect(sealed).not.toHaveProperty('personal')
    expect(sealed.sealed.map(({ keyId, subjectId, ciphertext }) => [keyId, subjectId, Buffer.from(ciphertext).toString()])).toEqual([
      ['key_tenant', '', JSON.stringify([tenant, 'evt_1', { note: 1, more: 2 }])],
      ['key_usr_1', 'usr_1', JSON.stringify([tenant, 'evt_1', { email: 'a@b' }])],
    ])
  })

  it('takes keys that facts do not know yet, and refuses without one before it numbers anything', () => {
    const of = { ...draft, personal: [{ subjectId: 'usr_2', details: {} }] }
    const caller = call()
    expect(() => sealDraft(of, caller, sealer, facts)).toThrow(expect.objectContaining({ reason: 'KEYS_UNAVAILABLE' }) as unknown as Error)
    expect(caller.numbered()).toBe(0)
    const extra = { usr_2: { keyId: 'key_new', publicKey: new Uint8Array(32) } }
    expect(sealDraft(of, caller, sealer, facts, extra).sealed[0]).toMatchObject({ keyId: 'key_new', subjectId: 'usr_2' })
  })

  it('seals to the tenant whose log it goes into', () => {
    const other = newId('ten')
    expect(() => sealDraft({ ...draft, tenant: other, personal: [{ details: {} }] }, call(), sealer, facts)).toThrow('not known yet')
  })
})
