import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from './usage-error.js'

/** A secret from a file (`-`: standard input), or asked for without echo where there is a terminal. Never from an argument: those show in process lists. */
export const readSecret = async (prompt: string, file: string | undefined): Promise<string> => {
  if (file !== undefined) return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
  if (!process.stdin.isTTY) throw new UsageError('--password-file is required where there is no terminal')
  process.stderr.write(prompt)
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: mute, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve)
      lines.once('close', () => reject(new UsageError('no password given')))
    })
  } finally {
    process.stderr.write('\n')
    lines.close()
  }
}
