import pg from 'pg'
import { clientOptions } from './connection.js'
import type { ConnectionOptions } from './connection.js'
import { bindValue } from './values.js'

/** One query of a pipeline. With values it is prepared, under a name of the session's own. */
export interface Query {
  readonly text: string
  readonly values?: readonly unknown[]
}

export interface Outcome {
  readonly error?: unknown
  readonly rows: Record<string, unknown>[]
  readonly command: string
}

/** A connection that takes whole pipelines, and knows whether it can be trusted afterwards. */
export interface Session {
  readonly pid: number
  /** Unix milliseconds of the database's clock. */
  now(): number
  /** Sends all at once; resolves when each has its outcome. Never rejects, except with a TypeError before anything was sent. */
  execute(queries: readonly Query[]): Promise<Outcome[]>
  /** Idle, outside a transaction, nothing under way, never doubted. */
  clean(): boolean
  /** Marks it as not to be used again. */
  doubt(): void
  /** At once, with whatever runs on it. */
  destroy(): void
  end(): Promise<void>
}

/** Names of prepared statements kept on one connection. */
const MAX_PREPARED = 400
const CLOCK_EVERY_MS = 30_000

interface DriverInternals {
  readonly processID: number
  readonly connection: {
    readonly stream: { cork(): void; uncork(): void; destroy(): void }
    readonly parsedStatements: Record<string, string>
  }
  getTransactionStatus(): string | null
}

const monotonic = (): number => performance.timeOrigin + performance.now()

/** Connects, and measures how far the database's clock is from ours. */
export const openSession = async (options: ConnectionOptions): Promise<Session> => {
  const client = new pg.Client({ ...clientOptions(options), pipeline: true } as pg.ClientConfig)
  const internals = client as unknown as DriverInternals
  let doubted = false
  let pending = 0
  // Also what the server says between queries, as when it shuts down.
  client.on('error', () => (doubted = true))
  client.on('end', () => (doubted = true))
  await client.connect()

  /** By text, least recently used first: the server never sees the same name for two texts. */
  const names = new Map<string, string>()
  let lastName = 0
  const evicted: string[] = []
  const nameOf = (text: string): string => {
    const known = names.get(text)
    if (known !== undefined) names.delete(text)
    const name = known ?? `s${++lastName}`
    names.set(text, name)
    if (names.size > MAX_PREPARED) {
      const [oldest, gone] = names.entries().next().value!
      names.delete(oldest)
      evicted.push(gone)
    }
    return name
  }
  /** Statements that fell out of the map, where the server has them. */
  const deallocations = (): Query[] => {
    const queries: Query[] = []
    for (const name of evicted.splice(0)) {
      if (internals.connection.parsedStatements[name] === undefined) continue
      delete internals.connection.parsedStatements[name]
      queries.push({ text: `deallocate ${name}` })
    }
    return queries
  }

  const send = ({ text, values }: Query): Promise<Outcome> =>
    new Promise((resolve) => {
      const config = values === undefined ? { text } : { text, name: nameOf(text), values: values as unknown[] }
      // The driver may call twice (an error, then the end of the query); a promise takes the first.
      client.query(config as pg.QueryConfig, (error: Error | undefined, result: pg.QueryResult | undefined) =>
        resolve(error ? { error, rows: [], command: '' } : { rows: result!.rows as Record<string, unknown>[], command: result!.command }),
      )
    })

  const execute = async (queries: readonly Query[]): Promise<Outcome[]> => {
    const bound = queries.map(({ text, values }) => (values === undefined ? { text } : { text, values: values.map(bindValue) }))
    const before = evicted.length > 0 && internals.getTransactionStatus() === 'I' ? deallocations() : []
    const { stream } = internals.connection
    pending++
    stream.cork()
    const outcomes = [...before, ...bound].map(send)
    stream.uncork()
    const answered = await Promise.all(outcomes)
    pending--
    if (answered.some(({ error }, i) => error !== undefined && (i < before.length || needsNewSession(error)))) doubted = true
    return answered.slice(before.length)
  }

  let offset = 0
  let measured = -Infinity
  const measure = async (): Promise<void> => {
    measured = performance.now()
    const sent = monotonic()
    const [answer] = await execute([{ text: 'select extract(epoch from clock_timestamp()) * 1000 as ms', values: [] }])
    if (answer!.error !== undefined) throw answer!.error as Error
    offset = Number(answer!.rows[0]!['ms']) - (sent + monotonic()) / 2
  }
  await measure()

  return {
    pid: internals.processID,
    now: () => {
      // In the pipeline behind what runs now; the next context has the new value.
      if (performance.now() - measured > CLOCK_EVERY_MS) void measure().catch(() => (doubted = true))
      return monotonic() + offset
    },
    execute,
    clean: () => !doubted && pending === 0 && internals.getTransactionStatus() === 'I',
    doubt: () => (doubted = true),
    destroy: () => {
      doubted = true
      internals.connection.stream.destroy()
    },
    end: () => client.end(),
  }
}

/** A plan or a name that no longer fits (after a migration): statements must be prepared anew. */
const needsNewSession = (error: unknown): boolean => ['0A000', '26000', '42P05'].includes(String((error as { code?: unknown }).code))
