import { describe, expect, it } from '@jest/globals'
import { fromBinary } from '@bufbuild/protobuf'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AccessRecordSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Message } from '../events/event-log.js'
import type { JournalEvent } from './directory-journal.js'
import type { Journal, Reservation } from './journal.js'
import { openJournal, RESERVED_BYTES } from './open-journal.js'
import type { JournalFiles } from './segment-file.js'
import { journalFiles } from './segment-file.js'
import { draft, journalTo, logKey, newDirectory, recordsOnDisk, TENANTS } from './testing.js'
import { verifyChains } from './verify-chain.js'

const [A] = TENANTS as [string]
const never = () => Promise.reject(new Error('away'))
/** Files whose writes and creations fail while the switches are on. */
const brokenFiles = (broken: { write: boolean; create: boolean }): JournalFiles => ({
  create: async (path, size) => {
    if (broken.create) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    const file = await journalFiles.create(path, size)
    return {
      ...file,
      write: (bytes, position) => (broken.write ? Promise.reject(new Error('EIO')) : file.write(bytes, position)),
    }
  },
})
/** Appends as soon as the journal takes it. */
const appendSoon = async (journal: Journal): Promise<void> => {
  const end = Date.now() + 10_000
  for (;;) {
    try {
      return await journal.append('data', journal.reserve('data'), draft(A))
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
const segmentFiles = async (directory: string): Promise<string[]> =>
  (await readdir(directory, { recursive: true }))
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .map((name) => join(directory, name))

describe('a journal that cannot write', () => {
  it('refuses calls beforehand once the cap is reached, and takes them again when records were sent', async () => {
    const directory = await newDirectory()
    const sent: Message[] = []
    let away = true
    const journal = await openJournal(
      journalTo(directory, sent, {
        maxBytes: 5 * RESERVED_BYTES,
        produce: async (messages) => {
          if (away) throw new Error('away')
          sent.push(...messages)
        },
      }),
    )
    const held: Reservation[] = []
    expect(() => {
      for (;;) held.push(journal.reserve('data'))
    }).toThrow(expect.objectContaining({ reason: 'JOURNAL_UNAVAILABLE' }))
    // What the segment begins with may count too.
    expect(held.length).toBeGreaterThanOrEqual(4)
    for (const one of [...held, ...held]) journal.release(one)
    let taken = 0
    for (; taken < 10_000; taken++) {
      try {
        await journal.append('data', journal.reserve('data'), draft(A))
      } catch (error) {
        expect(error).toMatchObject({ reason: 'JOURNAL_UNAVAILABLE' })
        break
      }
    }
    expect(taken).toBeGreaterThan(100)
    expect(taken).toBeLessThan(10_000)
    expect(journal.healthy).toBe(true)
    away = false
    await appendSoon(journal)
    await journal.close()
    expect(
      verifyChains(
        sent.map(({ value }) => value),
        logKey,
      ),
    ).toMatchObject({ problems: [], epochs: [{ state: 'complete', records: taken + 2 }] })
  })

  it('refuses calls beforehand when the disk gives no more, and loses none that it took', async () => {
    const sent: Message[] = []
    const broken = { write: false, create: false }
    const directory = await newDirectory()
    const journal = await openJournal(journalTo(directory, sent, { produce: never, files: brokenFiles(broken) }))
    broken.create = true
    let taken = 0
    let refused: unknown
    while (refused === undefined && taken < 10_000) {
      try {
        const reservation = journal.reserve('data')
        await journal.append('data', reservation, draft(A))
        taken++
      } catch (error) {
        refused = error
      }
    }
    expect(refused).toMatchObject({ reason: 'JOURNAL_UNAVAILABLE' })
    expect(journal.healthy).toBe(true)
    expect(await recordsOnDisk(directory)).toHaveLength(taken)
    broken.create = false
    await appendSoon(journal)
    await journal.close(10)
  })

  it('answers OUTCOME_UNKNOWN to all who wait for a failed flush, and takes nothing more', async () => {
    const sent: Message[] = []
    const events: JournalEvent[] = []
    const broken = { write: false, create: false }
    const directory = await newDirectory()
    const journal = await openJournal(
      journalTo(directory, sent, { files: brokenFiles(broken), observe: { event: (event) => events.push(event) } }),
    )
    await journal.append('data', journal.reserve('data'), draft(A))
    const late = journal.reserve('data')
    broken.write = true
    const answers = await Promise.allSettled([1, 2, 3].map(() => journal.append('data', journal.reserve('data'), draft(A))))
    expect(answers).toMatchObject(answers.map(() => ({ status: 'rejected', reason: { reason: 'OUTCOME_UNKNOWN' } })))
    expect(journal.healthy).toBe(false)
    broken.write = false
    expect(() => journal.reserve('data')).toThrow(expect.objectContaining({ reason: 'JOURNAL_UNAVAILABLE' }))
    await expect(journal.append('data', late, draft(A))).rejects.toMatchObject({ reason: 'OUTCOME_UNKNOWN' })
    expect(events.map(({ kind }) => kind)).toEqual(['write-failed'])
    await journal.close()
    // The next start tells that the epoch did not end well.
    const next = await openJournal(journalTo(directory, sent))
    await next.close()
    const { epochs, problems } = verifyChains(
      sent.map(({ value }) => value),
      logKey,
    )
    expect(problems).toEqual([])
    expect(epochs.map(({ state, records }) => [state, records])).toEqual([
      ['unclean', 2],
      ['complete', 1],
    ])
  })
})

describe('a journal found again', () => {
  /** A directory as a crash leaves it: not closed, nothing sent. The lock is given up, as the process is still there. */
  const crashed = async (records: number, segmentBytes = 256 * 1024): Promise<string> => {
    const directory = await newDirectory()
    const journal = await openJournal(journalTo(directory, [], { produce: never, segmentBytes }))
    for (let i = 0; i < records; i++) await journal.append('data', journal.reserve('data'), draft(TENANTS[i % 2]!))
    const [own] = await readdir(directory)
    const lock = (await readdir(join(directory, own!))).find((name) => name.startsWith('lock.'))!
    await writeFile(join(directory, own!, lock), JSON.stringify({ pid: 2 ** 22 + 1, started: '' }))
    return directory
  }
  const reopened = async (directory: string) => {
    const sent: Message[] = []
    const events: JournalEvent[] = []
    const journal = await openJournal(journalTo(directory, sent, { observe: { event: (event) => events.push(event) } }))
    await journal.append('data', journal.reserve('data'), draft(A))
    await journal.close()
    return {
      events,
      report: verifyChains(
        sent.map(({ value }) => value),
        logKey,
      ),
      sent,
    }
  }

  it('declares the epoch unclean and sends every record', async () => {
    const { report, events } = await reopened(await crashed(40))
    expect(report.problems).toEqual([])
    expect(report.epochs.map(({ state, records }) => [state, records])).toEqual([
      ['unclean', 41],
      ['complete', 2],
    ])
    expect(report.epochs[1]!.previous).toBe(report.epochs[0]!.epoch)
    expect(events).toMatchObject([{ kind: 'unclean' }])
  })

  it('cuts a torn tail wherever it was torn, and tells', async () => {
    for (const cut of [1, 5, 9, 60, 200]) {
      const directory = await crashed(5)
      const path = (await segmentFiles(directory))[0]!
      const bytes = await readFile(path)
      let end = bytes.length
      while (bytes[end - 1] === 0) end--
      bytes.fill(0, end - cut)
      await writeFile(path, bytes)
      const { report, events } = await reopened(directory)
      expect(report.problems).toEqual([])
      expect(report.epochs.map(({ state, records }) => [state, records])).toEqual([
        ['unclean', 5],
        ['complete', 2],
      ])
      expect(events.map(({ kind }) => kind)).toEqual(['torn', 'unclean'])
    }
  })

  it('shows damage in the middle of it as a gap, instead of hiding it', async () => {
    const directory = await crashed(150, 32 * 1024)
    const path = (await segmentFiles(directory))[0]!
    const bytes = await readFile(path)
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(path, bytes)
    const { report, events } = await reopened(directory)
    expect(events.map(({ kind }) => kind)).toContain('torn')
    expect(report.problems.map(({ problem }) => problem)).toContain('gap')
  })

  it('starts over cleanly when a start died before it was whole', async () => {
    const directory = await crashed(10)
    const broken = { write: true, create: false }
    await expect(openJournal(journalTo(directory, [], { files: brokenFiles(broken) }))).rejects.toThrow('EIO')
    const { report } = await reopened(directory)
    expect(report.problems).toEqual([])
    expect(report.epochs.map(({ state }) => state)).toEqual(['unclean', 'complete'])
  })

  it('brings the directory of a process that is gone to its end, without taking its name', async () => {
    const directory = await crashed(10)
    const sent: Message[] = []
    const events: JournalEvent[] = []
    const journal = await openJournal(
      journalTo(directory, sent, { services: ['audit'], adoptAfterMs: 5, observe: { event: (event) => events.push(event) } }),
    )
    const end = Date.now() + 10_000
    while (!events.some(({ kind }) => kind === 'adopted') && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
    await journal.close()
    const back = await openJournal(journalTo(directory, sent))
    await back.close()
    const { epochs, problems } = verifyChains(
      sent.map(({ value }) => value),
      logKey,
    )
    expect(problems).toEqual([])
    const data = epochs.filter(({ instance }) => instance.startsWith('data-'))
    expect(data.map(({ state, records }) => [state, records])).toEqual([
      ['unclean', 11],
      ['complete', 1],
    ])
    expect(new Set(data.map(({ instance }) => instance)).size).toBe(1)
    expect(data[1]!.previous).toBe(data[0]!.epoch)
    expect(events).toMatchObject([{ kind: 'unclean' }, { kind: 'adopted', complete: true }])
  })
})

describe('text in a record', () => {
  it('comes back exactly, as one record, whatever it holds', async () => {
    const sent: Message[] = []
    const hostile = ['a\r\nb', '\u2028\u2029', '\0', '{"level":30}\n', '\u202e', "'; drop table x; --", '\ufffd', '💥']
    const journal = await openJournal(journalTo(await newDirectory(), sent))
    for (const text of hostile) await journal.append('data', journal.reserve('data'), draft(A, text))
    await journal.close()
    const read = sent.map(({ value }) => fromBinary(AccessRecordSchema, value).resourceId)
    expect(read.slice(0, -1)).toEqual(hostile)
  })
})
