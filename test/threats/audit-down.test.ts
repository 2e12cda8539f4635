import { afterEach, describe, expect, it } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { accessMessage } from '../../services/platform/events/envelope.js'
import type { Message } from '../../services/platform/events/event-log.js'
import { newId } from '../../services/platform/ids.js'
import type { Journal } from '../../services/platform/journal/journal.js'
import { logKeys } from '../../services/platform/journal/log-key.js'
import { openJournal, RESERVED_BYTES } from '../../services/platform/journal/open-journal.js'
import { AppError } from '../../services/platform/mesh/errors.js'
import { routes } from '../../services/platform/mesh/rpc.js'
import { createTestMesh } from '../../services/platform/mesh/testing.js'
import { GET_RECORD, openEdge } from '../../services/gateway/testing.js'
import { postJson } from './edge.js'

const tenant = newId('ten')
const never = () => Promise.reject(new Error('not called'))
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A data service on a journal whose event log can be taken away. `done`: how often its handler ran. */
const open = async (wrap: (journal: Journal) => Journal = (journal) => journal) => {
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-audit-down-'))
  const log = { away: true, sent: [] as Message[] }
  const journal = await openJournal({
    directory,
    services: ['data'],
    region: 'local',
    logKey: logKeys(Buffer.alloc(32, 7)),
    maxBytes: 4 * RESERVED_BYTES,
    relayIntervalMs: 2,
    produce: (messages) => {
      if (log.away) return Promise.reject(new Error('the event log is away'))
      log.sent.push(...messages)
      return Promise.resolve()
    },
    toMessage: accessMessage,
  })
  let done = 0
  const mesh = await createTestMesh({
    journal: wrap(journal),
    routes: routes(RecordService, {
      createRecord: () => Promise.resolve(void done++ as never),
      getRecord: () => (done++, Promise.resolve({})),
      listRecords: never,
      updateRecord: never,
      deleteRecord: never,
      batchWriteRecords: never,
      importRecords: never,
      exportRecords: never,
    } as never),
  })
  closing.push(async () => {
    await mesh.close()
    await journal.close(1_000)
    await rm(directory, { recursive: true, force: true })
  })
  const client = mesh.connect().client(RecordService)
  const token = mesh.token({ tenant })
  const request = { tenantId: tenant, collectionId: newId('col'), recordId: 'one' }
  const call = (): Promise<string> =>
    client.getRecord(request, { token }).then(
      () => 'OK',
      (error: AppError) => error.reason,
    )
  return { log, call, done: () => done }
}

/** Calls until one is refused; how many were not. */
const untilRefused = async (call: () => Promise<string>, most = 3_000): Promise<{ taken: number; refusal: string }> => {
  for (let taken = 0; taken < most; taken++) {
    const answer = await call()
    if (answer !== 'OK') return { taken, refusal: answer }
  }
  return { taken: most, refusal: '' }
}

describe('while the event log is away (threats 39)', () => {
  it('calls go on until the journal is full, are refused then before anything is done, and none is lost', async () => {
    const { log, call, done } = await open()
    const { taken, refusal } = await untilRefused(call)
    expect(refusal).toBe('JOURNAL_UNAVAILABLE')
    expect(taken).toBeGreaterThan(20)
    expect(done()).toBe(taken)
    for (let i = 0; i < 10; i++) expect(await call()).toBe('JOURNAL_UNAVAILABLE')
    expect(done()).toBe(taken)
    expect(log.sent).toEqual([])

    log.away = false
    for (let i = 0; i < 500 && (await call()) !== 'OK'; i++) await sleep(20)
    for (let i = 0; i < 500 && log.sent.length <= taken; i++) await sleep(20)
    expect(done()).toBe(taken + 1)
    expect(new Set(log.sent.map(({ id }) => id)).size).toBeGreaterThanOrEqual(taken + 1)
  })

  it('negative control: without room taken beforehand the handler runs on past the cap', async () => {
    const limitless = (journal: Journal): Journal => ({
      ...journal,
      reserve: () => ({ bytes: 0 }),
      release: () => undefined,
      append: () => Promise.reject(new AppError('JOURNAL_UNAVAILABLE', 'full')),
      healthy: true,
    })
    const { call, done } = await open(limitless)
    await untilRefused(call, 5)
    expect(done()).toBeGreaterThan(0)
  })
})

describe('a gateway whose journal is full (threats 39)', () => {
  it('calls no service', async () => {
    const edge = await openEdge()
    closing.push(() => edge.close())
    const body = JSON.stringify({ tenantId: tenant, collectionId: newId('col'), recordId: 'one' })
    const send = () => postJson(edge, [`Authorization: Bearer ${edge.token({ tenant })}`], body, GET_RECORD)
    edge.state.full = true
    expect(await send()).toMatchObject({ status: 503, reason: 'JOURNAL_UNAVAILABLE' })
    expect(edge.seen).toEqual([])
    edge.state.full = false
    expect((await send()).status).toBe(200)
    expect(edge.seen).toHaveLength(1)
  })
})
