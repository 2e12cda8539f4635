import { mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DestinationStream } from 'pino'
import type { Config } from '../config/schema.js'
import { logFile, shortLines, tee } from '../telemetry/log.js'

export interface LogDestination {
  readonly destination: DestinationStream
  /** Writes what is buffered. */
  flush(): void
}

/** A file longer than this becomes `<name>.1` at the next start. */
const ROTATE_BYTES = 32 * 1024 * 1024

const rotate = (path: string): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    if (statSync(path).size > ROTATE_BYTES) renameSync(path, `${path}.1`)
  } catch {
    // None yet.
  }
}

/** The configured destination: a file with warnings on stderr for people, or JSON on stdout for whatever collects it there. */
export const logDestination = (config: Pick<Config, 'logFile'>): LogDestination => {
  if (config.logFile === undefined) return { destination: process.stdout, flush: () => undefined }
  rotate(config.logFile)
  const file = logFile(config.logFile)
  return {
    destination: tee(
      file,
      shortLines((line) => process.stderr.write(line)),
    ),
    flush: () => file.flush(),
  }
}
