import { describe, expect, it } from '@jest/globals'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { AccessRecordSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { PLATFORM_TENANT } from '../ids.js'
import type { Epoch } from './epoch.js'
import { advance, beginEpoch, endOfEpoch, number } from './epoch.js'
import { logKeys } from './log-key.js'
import { draft, logKey, TENANTS } from './testing.js'
import { verifyChains } from './verify-chain.js'

const [A, B] = TENANTS as [string, string]
const journalled = (tenants: readonly string[], end = true): Uint8Array[] => {
  const epoch: Epoch = beginEpoch('data-00000001', 'data', new Uint8Array(), Date.now())
  const records = tenants.map((tenant) => {
    const numbered = number(epoch, draft(tenant))
    advance(epoch, numbered)
    return numbered.bytes
  })
  if (end) records.push(number(epoch, endOfEpoch(epoch, { clean: true, region: 'local', now: Date.now(), logKey })).bytes)
  return records
}
const problems = (records: readonly Uint8Array[]) => verifyChains(records, logKey).problems.map(({ problem }) => problem)
const without = (records: readonly Uint8Array[], ...indexes: number[]) => records.filter((_, i) => !indexes.includes(i))

describe('verifyChains()', () => {
  const records = journalled([A, B, A, PLATFORM_TENANT, A, B])

  it('finds nothing in whole epochs, also when records came twice', () => {
    expect(verifyChains(records, logKey)).toMatchObject({ problems: [], epochs: [{ state: 'complete', records: 7 }] })
    expect(problems(records.flatMap((bytes) => [bytes, bytes]))).toEqual([])
  })

  it('finds a dropped record, a dropped tail, a dropped chain and a dropped end', () => {
    expect(problems(without(records, 2))).toEqual(['gap'])
    expect(problems(without(records, 4))).toEqual(['root'])
    expect(problems(without(records, 1, 5))).toEqual(['root'])
    expect(verifyChains(without(records, 6), logKey).epochs).toMatchObject([{ state: 'open' }])
  })

  it('finds a changed record, also where its numbers were kept', () => {
    const changed = fromBinary(AccessRecordSchema, records[2]!)
    changed.action = 'data.record.get'
    expect(problems(records.map((bytes, i) => (i === 2 ? toBinary(AccessRecordSchema, changed) : bytes)))).toEqual(['link'])
    const last = fromBinary(AccessRecordSchema, records[5]!)
    last.action = 'data.record.get'
    expect(problems(records.map((bytes, i) => (i === 5 ? toBinary(AccessRecordSchema, last) : bytes)))).toEqual(['root'])
  })

  it('finds a second record of one number', () => {
    const fork = fromBinary(AccessRecordSchema, records[2]!)
    fork.action = 'data.record.get'
    expect(problems([...records.slice(0, 3), toBinary(AccessRecordSchema, fork), ...records.slice(3)])).toContain('repeated')
  })

  it('names tenants to nobody without their log key', () => {
    expect(verifyChains(records, logKeys(Buffer.alloc(32, 8))).problems).toMatchObject([{ problem: 'root' }])
    const end = fromBinary(AccessRecordSchema, records[6]!)
    expect(Buffer.from(toBinary(AccessRecordSchema, end)).includes(A)).toBe(false)
  })
})
