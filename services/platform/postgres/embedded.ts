import { createHash } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { programs, reachable, unprivilegedAccount } from './embedded-binaries.js'
import type { Account } from './embedded-binaries.js'
import { cluster } from './embedded-cluster.js'
import { clearTheWay } from './embedded-pid.js'
import { freePort, launch } from './embedded-process.js'

export interface EmbeddedOptions {
  /** Where the cluster lives; made when absent. */
  readonly directory: string
  /** On 127.0.0.1; a free one when absent. */
  readonly port?: number
  readonly log?: (line: string) => void
  /** Server settings over ours. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** A FIFO whose last writer keeps the server alive; absent: this process does. */
  readonly fifo?: string
}

export interface EmbeddedPostgres {
  /** Directory of the Unix socket: the `host` for our own connections. Tools connect to 127.0.0.1. */
  readonly host: string
  readonly port: number
  readonly superuser: string
  readonly password: string
  readonly pid: number
  /** Whether this start made the cluster. */
  readonly created: boolean
  /** Close connections first; rolls back what still runs. */
  stop(): Promise<void>
}

/** All services in one process share it: many connections, most of them idle. Loopback only. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_permissions: '0777', // Every connection proves its password; the server may run as another account than we.
  max_connections: 250,
  shared_buffers: '128MB',
  work_mem: '4MB',
  wal_level: 'logical',
  max_wal_senders: 4,
  min_wal_size: '80MB',
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  autovacuum_naptime: '15s', // The outbox lives on being emptied.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  password_encryption: 'scram-sha-256',
  log_statement: 'none',
  log_min_error_statement: 'panic', // Statements carry what people typed; errors are logged without them.
  log_error_verbosity: 'terse',
  log_parameter_max_length: 0,
  log_parameter_max_length_on_error: 0,
} as const

const SOCKET_PREFIX = 'tenantry-pg-'

/** A Postgres server of our own from npm's binaries. It ends with this process, also when that is killed; data is durable either way. */
export const startEmbedded = async (options: EmbeddedOptions): Promise<EmbeddedPostgres> => {
  const { log = () => undefined } = options
  const account = unprivilegedAccount()
  const base = baseDirectory(options.directory, account, log)
  const bin = programs(base, account)
  const { data, password, created } = await cluster(base, bin, account)
  const last = await clearTheWay(data, log)
  if (last !== undefined && basename(last).startsWith(SOCKET_PREFIX)) rmSync(last, { recursive: true, force: true })

  const port = options.port ?? (await freePort())
  const host = mkdtempSync(join(tmpdir(), SOCKET_PREFIX))
  if (account !== undefined) {
    chmodSync(host, 0o755)
    chownSync(host, account.uid, account.gid)
  }
  const settings = { ...SETTINGS, ...options.settings, port, unix_socket_directories: host }
  const server = await launch({ bin, base, data, account, settings, fifo: options.fifo })
  return {
    host,
    port,
    superuser: 'postgres',
    password,
    pid: server.pid,
    created,
    stop: async () => {
      await server.stop()
      rmSync(host, { recursive: true, force: true })
    },
  }
}

/** Removes a cluster for good; a server that still runs on it is stopped first. Nothing happens where there is none. */
export const removeEmbedded = async (directory: string, log: (line: string) => void = () => undefined): Promise<void> => {
  const base = baseDirectory(directory, unprivilegedAccount(), log)
  await clearTheWay(join(base, 'data'), log)
  for (const path of [base, resolve(directory)]) rmSync(path, { recursive: true, force: true })
}

/** The directory itself, or one in /var/lib when the unprivileged account could never enter it (a project under /root). */
const baseDirectory = (directory: string, account: Account | undefined, log: (line: string) => void): string => {
  const wanted = resolve(directory)
  mkdirSync(wanted, { recursive: true, mode: 0o755 })
  if (account === undefined) return wanted
  chmodSync(wanted, 0o755)
  if (reachable(wanted, account)) return wanted
  const other = join('/var/lib/tenantry', createHash('sha256').update(wanted).digest('hex').slice(0, 16))
  mkdirSync(other, { recursive: true, mode: 0o755 })
  log(`the account ${account.name} can't enter ${wanted}: Postgres keeps its data in ${other}`)
  return other
}
