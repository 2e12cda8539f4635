import { describe, expect, it } from '@jest/globals'
import { fromBinary } from '@bufbuild/protobuf'
import { AccessRecordSchema, RecordKind } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Message } from '../events/event-log.js'
import { PLATFORM_TENANT } from '../ids.js'
import { openJournal } from './open-journal.js'
import { draft, journalTo, logKey, newDirectory, recordsOnDisk, TENANTS } from './testing.js'
import { verifyChains } from './verify-chain.js'

const [A, B] = TENANTS as [string, string]
const values = (sent: readonly Message[]) => sent.map(({ value }) => value)
const until = async (done: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + 10_000
  while (!(await done())) {
    if (Date.now() > end) throw new Error('did not come about')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('openJournal()', () => {
  it('numbers records densely per tenant, chains them, and relays them in order', async () => {
    const sent: Message[] = []
    const journal = await openJournal(journalTo(await newDirectory(), sent))
    await Promise.all(Array.from({ length: 300 }, (_, i) => journal.append('data', journal.reserve('data'), draft(i % 3 ? A : B))))
    await journal.close()
    const report = verifyChains(values(sent), logKey)
    expect(report.problems).toEqual([])
    expect(report.epochs).toMatchObject([{ state: 'complete', records: 301, previous: '' }])
    const end = fromBinary(AccessRecordSchema, sent.at(-1)!.value)
    expect(end).toMatchObject({ kind: RecordKind.EPOCH_END, tenantId: PLATFORM_TENANT, sequence: 1n, service: 'data' })
    expect(end.epochEnd).toMatchObject({ clean: true, chains: 2n })
    expect(sent.filter(({ key }) => key === B)).toHaveLength(100)
  })

  it('gives services of one process chains of their own in one file', async () => {
    const sent: Message[] = []
    const journal = await openJournal(journalTo(await newDirectory(), sent, { services: ['data', 'identity'] }))
    for (let i = 0; i < 10; i++)
      for (const service of ['data', 'identity'] as const) await journal.append(service, journal.reserve(service), draft(A))
    await journal.close()
    const { epochs, problems } = verifyChains(values(sent), logKey)
    expect(problems).toEqual([])
    expect(epochs.map(({ instance }) => instance.replace(/-[0-9a-f]{8}$/, '')).sort()).toEqual(['data', 'identity'])
    expect(epochs.every(({ state, records }) => state === 'complete' && records === 11)).toBe(true)
  })

  it('keeps its instance name over restarts, and each epoch names the one before', async () => {
    const directory = await newDirectory()
    const sent: Message[] = []
    for (let run = 0; run < 3; run++) {
      const journal = await openJournal(journalTo(directory, sent))
      await journal.append('data', journal.reserve('data'), draft(A))
      await journal.close()
    }
    const { epochs, problems } = verifyChains(values(sent), logKey)
    expect(problems).toEqual([])
    expect(new Set(epochs.map(({ instance }) => instance)).size).toBe(1)
    expect(epochs.map(({ previous }) => previous)).toEqual(['', epochs[0]!.epoch, epochs[1]!.epoch])
    expect(sent).toHaveLength(6)
  })

  it('ends epochs in time, also while it writes', async () => {
    const sent: Message[] = []
    let now = 1_700_000_000_000
    const journal = await openJournal(journalTo(await newDirectory(), sent, { epochMs: 60_000, now: () => now }))
    for (let i = 0; i < 5; i++) {
      await journal.append('data', journal.reserve('data'), draft(A))
      now += 60_000
    }
    await journal.close()
    const { epochs, problems } = verifyChains(values(sent), logKey)
    expect(problems).toEqual([])
    expect(epochs).toHaveLength(5)
    expect(epochs.every(({ state }) => state === 'complete')).toBe(true)
  })

  it('carries chains over segments, and removes those that were sent', async () => {
    const directory = await newDirectory()
    const sent: Message[] = []
    const journal = await openJournal(journalTo(directory, sent, { segmentBytes: 64 * 1024 }))
    for (let round = 0; round < 6; round++)
      await Promise.all(Array.from({ length: 200 }, (_, i) => journal.append('data', journal.reserve('data'), draft(TENANTS[i % 3]!))))
    await journal.close()
    expect(verifyChains(values(sent), logKey)).toMatchObject({ problems: [], epochs: [{ state: 'complete', records: 1201 }] })
    expect((await recordsOnDisk(directory)).length).toBeLessThan(400)
  })

  it('sends nothing twice and loses nothing while the log is away', async () => {
    const sent: Message[] = []
    let away = true
    const failures: string[] = []
    const journal = await openJournal(
      journalTo(await newDirectory(), sent, {
        produce: async (messages) => {
          if (away) throw new Error('away')
          sent.push(...messages)
        },
        observe: { event: ({ kind }) => failures.push(kind) },
      }),
    )
    for (let i = 0; i < 50; i++) await journal.append('data', journal.reserve('data'), draft(A))
    await until(() => failures.length > 1)
    expect(sent).toHaveLength(0)
    away = false
    await journal.close()
    expect(verifyChains(values(sent), logKey)).toMatchObject({ problems: [], epochs: [{ state: 'complete', records: 51 }] })
    expect(sent).toHaveLength(51)
    expect(new Set(failures)).toEqual(new Set(['relay-failed']))
  })

  it('sends after a restart what a log that was away did not take', async () => {
    const directory = await newDirectory()
    const sent: Message[] = []
    const first = await openJournal(journalTo(directory, sent, { produce: () => Promise.reject(new Error('away')) }))
    for (let i = 0; i < 50; i++) await first.append('data', first.reserve('data'), draft(A))
    await first.close(50)
    expect(sent).toHaveLength(0)
    const second = await openJournal(journalTo(directory, sent))
    await second.close()
    const { epochs, problems } = verifyChains(values(sent), logKey)
    expect(problems).toEqual([])
    expect(epochs).toMatchObject([
      { state: 'complete', records: 51 },
      { state: 'complete', records: 1 },
    ])
  })

  it('does not share a directory between living processes', async () => {
    const directory = await newDirectory()
    const sent: Message[] = []
    const one = await openJournal(journalTo(directory, sent))
    const two = await openJournal(journalTo(directory, sent))
    await one.append('data', one.reserve('data'), draft(A))
    await two.append('data', two.reserve('data'), draft(A))
    await Promise.all([one.close(), two.close()])
    const { epochs, problems } = verifyChains(values(sent), logKey)
    expect(problems).toEqual([])
    expect(new Set(epochs.map(({ instance }) => instance)).size).toBe(2)
  })
})
