import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeSection } from './results.js'
import type { Section } from './results.js'

const NAMES = ['call', 'decision', 'write', 'startup'] as const

const usage = (why: string): never => {
  console.error(`${why}\nusage: npm run bench [-- ${NAMES.join('|')}... --seconds <of a round> --rounds <number>]`)
  process.exit(2)
}

const read = () => {
  try {
    return parseArgs({ allowPositionals: true, options: { seconds: { type: 'string' }, rounds: { type: 'string' } } })
  } catch (error) {
    return usage((error as Error).message)
  }
}

const { values, positionals } = read()
const number = (text: string | undefined, otherwise: number, least: number): number => {
  const value = text === undefined ? otherwise : Number(text)
  return value >= least ? value : usage(`${text} is too little, or no number`)
}
const seconds = number(values.seconds, 3, 0.1)
const rounds = Math.floor(number(values.rounds, 5, 1))
const unknown = positionals.find((name) => !(NAMES as readonly string[]).includes(name))
if (unknown !== undefined) usage(`there is no benchmark ${unknown}`)

// Each in a process of its own: none inherits the heap or the compiled code of another.
for (const name of NAMES.filter((candidate) => positionals.length === 0 || positionals.includes(candidate))) {
  console.log(`\n${name}: rounds of ${seconds} s, ${rounds} of each, interleaved`)
  const child = fork(fileURLToPath(new URL(`${name}.js`, import.meta.url)), [String(seconds), String(rounds)])
  child.on('message', (section) => {
    for (const line of (section as Section).lines) console.log(line)
    writeSection(name, section as Section, { seconds, rounds })
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) {
    console.error(`the benchmark ${name} failed`)
    process.exitCode = 1
  }
}
