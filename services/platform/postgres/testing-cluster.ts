import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withClient } from './connection.js'
import type { ConnectionOptions } from './connection.js'
import { unprivilegedAccount } from './embedded-binaries.js'
import { alive } from './embedded-pid.js'
import { startEmbedded } from './embedded.js'
import { secretsFor } from './provisioner.js'
import type { DatabaseSecrets } from './secrets.js'

/** The cluster that all tests of a project share. */
export interface TestCluster {
  readonly superuser: ConnectionOptions
  readonly secrets: DatabaseSecrets
}

/** Tests only: what a crash loses is made anew. */
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: 400,
  wal_level: 'minimal',
  max_wal_senders: 0,
  autovacuum: 'off',
  max_wal_size: '2GB',
} as const

const directoryOf = (): string => join(tmpdir(), `tenantry-test-${createHash('sha256').update(process.cwd()).digest('hex').slice(0, 12)}`)

/**
 * Finds the running cluster, or starts it. It runs while any process holds the FIFO open for writing, which this one does until it ends: nobody has to
 * stop it. Of several processes that come at once, the one with the lock file starts it.
 */
export const testCluster = async (): Promise<TestCluster> => {
  const directory = directoryOf()
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  for (;;) {
    const found = await attach(directory)
    if (found !== undefined) return found
    const lock = takeLock(join(directory, 'lock'))
    if (lock === undefined) {
      await sleep(50)
      continue
    }
    try {
      return (await attach(directory)) ?? (await start(directory))
    } finally {
      unlinkSync(lock)
    }
  }
}

/** Holding it open is what keeps the server; without a reader there is none to hold. */
const hold = (fifo: string): number | undefined => {
  try {
    return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}

const attach = async (directory: string): Promise<TestCluster | undefined> => {
  const held = hold(join(directory, 'fifo'))
  if (held === undefined) return undefined
  try {
    const cluster = JSON.parse(readFileSync(join(directory, 'cluster.json'), 'utf8')) as TestCluster
    await withClient(cluster.superuser, (client) => client.query('select'))
    return cluster
  } catch {
    // It is stopping, or not up yet.
    closeSync(held)
    return undefined
  }
}

const takeLock = (path: string): string | undefined => {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return path
  } catch {
    // Left by a process that is gone, or being written just now.
    const pid = existsSync(path) ? Number(readFileSync(path, 'utf8') || process.pid) : process.pid
    if (!alive(pid)) rmSync(path, { force: true })
    return undefined
  }
}

const start = async (directory: string): Promise<TestCluster> => {
  const fifo = join(directory, 'fifo')
  const info = join(directory, 'cluster.json')
  rmSync(info, { force: true })
  rmSync(fifo, { force: true })
  execFileSync('mkfifo', ['-m', '0600', fifo])
  const account = unprivilegedAccount()
  if (account !== undefined) chownSync(fifo, account.uid, account.gid)
  // Reading and writing: it opens at once, and the server's watcher finds a writer.
  const held = openSync(fifo, constants.O_RDWR)
  try {
    const postgres = await startEmbedded({ directory: join(directory, 'postgres'), settings: SETTINGS, fifo }).catch(async () => {
      rmSync(join(directory, 'postgres'), { recursive: true, force: true })
      return startEmbedded({ directory: join(directory, 'postgres'), settings: SETTINGS, fifo })
    })
    const superuser = {
      host: postgres.host,
      port: postgres.port,
      database: 'postgres',
      user: postgres.superuser,
      password: postgres.password,
    }
    await dropClones(superuser)
    // Roles' passwords change with every start, which also tells that templates still fit.
    const cluster = { superuser, secrets: secretsFor(undefined) }
    while (hold(fifo) === undefined) await sleep(5)
    writeFileSync(info, JSON.stringify(cluster), { mode: 0o600 })
    chmodSync(info, 0o600)
    return cluster
  } finally {
    closeSync(held)
  }
}

/** Of the last run: nobody is there to use them. */
const dropClones = (superuser: ConnectionOptions): Promise<void> =>
  withClient(superuser, async (client) => {
    await client.query('revoke connect on database postgres, template1 from public')
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database where datname similar to '(clone|template|partial)\\_%'`,
    )
    for (const { datname } of rows) await client.query(`drop database "${datname}" with (force)`)
  })
