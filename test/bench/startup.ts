import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { median, rounds, verdict } from './measure.js'
import { ROOT, workDirectory } from './places.js'
import { report, table } from './results.js'

/** `npm start` to its ready line, on a fresh state directory and on the same again. The bundle is built by the first start, which is not counted. */
const START = fileURLToPath(new URL('deploy/start.mjs', ROOT))
const READY = /^ready in /m

const startOnce = async (stateDirectory: string): Promise<{ ms: number; stopMs: number }> => {
  const started = performance.now()
  const child = spawn(process.execPath, [START, '--port', '0', '--state-dir', stateDirectory], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const exit = once(child, 'exit') as Promise<[number | null]>
  const ready = new Promise<number>((resolve) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString()
      if (READY.test(said)) resolve(performance.now() - started)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
  })
  const ended = exit.then(([code]) => {
    throw new Error(`npm start ended with ${code}:\n${said}`)
  })
  const ms = await Promise.race([ready, ended])
  ended.catch(() => undefined)
  const stopping = performance.now()
  child.kill('SIGINT')
  await exit
  return { ms, stopMs: performance.now() - stopping }
}

const inFresh = async <T>(work: (stateDirectory: string) => Promise<T>): Promise<T> => {
  const directory = workDirectory('startup')
  try {
    return await work(join(directory.path, 'state'))
  } finally {
    directory.remove()
  }
}

await inFresh(startOnce)
const times = { fresh: [] as number[], kept: [] as number[], stop: [] as number[] }
for (let round = 0; round < rounds; round++)
  await inFresh(async (stateDirectory) => {
    for (const kind of ['fresh', 'kept'] as const) {
      const { ms, stopMs } = await startOnce(stateDirectory)
      times[kind].push(ms)
      times.stop.push(stopMs)
    }
  })

const show = (values: readonly number[]): string =>
  [median(values), Math.min(...values), Math.max(...values)].map((ms) => (ms / 1_000).toFixed(1)).join(' | ')
const fresh = median(times.fresh) / 1_000
report({
  lines: [
    `\`npm start -- --port 0\` with a state directory of its own, bundle built before, from the start of the process to its ready line; ${rounds} rounds, fresh then kept.`,
    '',
    ...table(
      ['', 'median s', 'least', 'most'],
      [
        ['fresh state directory', show(times.fresh)],
        ['kept state directory', show(times.kept)],
        ['stop (Ctrl-C)', show(times.stop)],
      ],
    ),
    '',
    `Kept to fresh: ${(median(times.kept) / median(times.fresh)).toFixed(2)}.`,
    '',
    ...table(
      ['budget', 'wanted', 'measured', ''],
      [['`npm start` to ready, fresh, s (the first authorized call comes after it)', '<= 15', fresh.toFixed(1), verdict(fresh, 15, false)]],
    ),
  ],
})
