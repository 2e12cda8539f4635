import pino from 'pino'
import type { DestinationStream, Level, Logger } from 'pino'
import { logError } from './log-error.js'

export interface LogOptions {
  readonly service: string
  readonly instance?: string
  readonly level: Level | 'silent'
  readonly destination: DestinationStream
}

/** Names of fields that are never written, wherever they stand up to three levels deep: credentials, and what is personal. */
const HIDDEN = [
  'password',
  'token',
  'authorization',
  'accessToken',
  'refreshToken',
  'secret',
  'key',
  'privateKey',
  'email',
  'clientAddress',
  'fields',
]
const hiddenPaths = HIDDEN.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * The log of one service: a line of JSON per entry, with service and instance; a call's own logger is a child with its trace id. Errors are
 * written without values of rows (log-error.ts).
 */
export const createLogger = ({ service, instance, level, destination }: LogOptions): Logger =>
  pino(
    {
      level,
      base: instance === undefined ? { service } : { service, instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: logError, error: logError, cause: logError },
      redact: { paths: hiddenPaths, censor: '[redacted]' },
    },
    destination,
  )

export interface LogFile extends DestinationStream {
  /** Writes what is buffered, at once. */
  flush(): void
  close(): void
}

/** A file that lines are appended to, mode 0600; entries below `warn` may wait 100 ms in memory. */
export const logFile = (path: string): LogFile => {
  const stream = pino.destination({
    dest: path,
    mkdir: true,
    append: true,
    mode: 0o600,
    sync: false,
    minLength: 8_192,
    periodicFlush: 100,
  })
  // A full disk must not end the process: the journal, not this log, is the record of what happened.
  stream.on('error', () => undefined)
  return {
    write: (line) => void stream.write(line),
    flush: () => stream.flushSync(),
    close: () => stream.end(),
  }
}

const TIME = /T(\d\d:\d\d:\d\d)/

/** Entries from `warn` up as short lines for people: time, level, service, message and the error's. */
export const shortLines = (write: (line: string) => void): DestinationStream => ({
  write: (json) => {
    const entry = JSON.parse(json) as {
      level: string
      time: string
      service: string
      msg?: string
      err?: { message?: string; reason?: string; type?: string }
    }
    if (!['warn', 'error', 'fatal'].includes(entry.level)) return
    const error = entry.err === undefined ? '' : ` (${entry.err.reason ?? entry.err.message ?? entry.err.type ?? 'error'})`
    write(`${TIME.exec(entry.time)?.[1] ?? ''} ${entry.level} ${entry.service}: ${entry.msg ?? ''}${error}\n`)
  },
})

/** Writes each line to all of them. */
export const tee = (...destinations: DestinationStream[]): DestinationStream => ({
  write: (line) => {
    for (const destination of destinations) destination.write(line)
  },
})
