import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { build } from 'esbuild'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromBinary } from '@bufbuild/protobuf'
import { AccessRecordSchema } from '../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import type { Message } from '../events/event-log.js'
import { openJournal } from './open-journal.js'
import { journalTo, logKey, newDirectory } from './testing.js'
import { verifyChains } from './verify-chain.js'

const here = dirname(fileURLToPath(import.meta.url))
/** Writes as fast as it can and prints the id of each record that was acknowledged. */
const WRITER = `
  import { openJournal } from './open-journal.js'
  import { draft, journalTo, TENANTS } from './testing.js'
  const [directory, away] = process.argv.slice(2)
  const journal = await openJournal(journalTo(directory, [], away ? { produce: () => Promise.reject(new Error('away')) } : {}))
  const one = async (worker) => {
    for (let i = 0; ; i++) {
      const id = process.pid + '/' + worker + '/' + i
      await journal.append('data', journal.reserve('data'), draft(TENANTS[i % 3], id))
      process.stdout.write(id + '\\n')
    }
  }
  for (let worker = 0; worker < 16; worker++) one(worker)
`

describe('a process that is killed while it journals', () => {
  let script: string
  beforeAll(async () => {
    script = join(here, `.crash-writer-${process.pid}.mjs`)
    await build({
      stdin: { contents: WRITER, resolveDir: here },
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: script,
      logLevel: 'error',
    })
  })
  afterAll(() => rm(script, { force: true }))

  const runAndKill = async (directory: string, ms: number): Promise<string[]> => {
    const child = spawn(process.execPath, [script, directory, 'away'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, ms))
    child.kill('SIGKILL')
    await once(child, 'close')
    return out.split('\n').slice(0, -1)
  }

  it('leaves every acknowledged record, in dense chains, and its next start ends its epoch', async () => {
    const directory = await newDirectory()
    const acknowledged: string[] = []
    for (let kill = 0; kill < 4; kill++) acknowledged.push(...(await runAndKill(directory, 60 + kill * 37)))
    const sent: Message[] = []
    const journal = await openJournal(journalTo(directory, sent))
    await journal.close(20_000)
    const { epochs, problems } = verifyChains(
      sent.map(({ value }) => value),
      logKey,
    )
    expect(problems).toEqual([])
    expect(epochs.map(({ state }) => state)).toEqual(['unclean', 'unclean', 'unclean', 'unclean', 'complete'])
    expect(new Set(epochs.map(({ instance }) => instance)).size).toBe(1)
    const found = new Set(sent.map(({ value }) => fromBinary(AccessRecordSchema, value).resourceId))
    expect(acknowledged.length).toBeGreaterThan(100)
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
  })
})
