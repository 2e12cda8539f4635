import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { ROOT } from './places.js'

/** What a benchmark has to say: Markdown, mostly tables. */
export interface Section {
  readonly lines: readonly string[]
}

const FILE = new URL('test/bench/RESULTS.md', ROOT)

const versionOf = (name: string): string =>
  `${name} ${(JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, ROOT), 'utf8')) as { version: string }).version}`

/** How busy the machine was while measuring, the benchmark's own processes included. */
const machine = (): string => {
  const cores = availableParallelism()
  const load = loadavg()[0]!
  return `${cores} cores, shared; load average at the end ${load.toFixed(1)}${load > cores * 1.5 ? ': crowded by other work' : ''}`
}

/** Puts a benchmark's figures between its marks; what people wrote around them stays. */
export const writeSection = (name: string, { lines }: Section, { seconds, rounds }: { seconds: number; rounds: number }): void => {
  const [begin, end] = [`<!-- ${name}: written by npm run bench -->`, `<!-- end of ${name} -->`]
  const old = readFileSync(FILE, 'utf8')
  const [from, to] = [old.indexOf(begin), old.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`RESULTS.md has no marks for ${name}`)
  const versions = ['@grpc/grpc-js', '@open-policy-agent/opa-wasm', 'pg'].map(versionOf).join(', ')
  const text = [
    begin,
    `\`npm run bench -- ${name} --seconds ${seconds} --rounds ${rounds}\`; Node ${process.versions.node}, ${versions}; ${machine()}.`,
    '',
    ...lines,
  ].join('\n')
  writeFileSync(FILE, `${old.slice(0, from)}${text}\n${old.slice(to)}`)
}

/** A Markdown table. */
export const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] => [
  `| ${head.join(' | ')} |`,
  `|${head.map(() => '---|').join('')}`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
]

/** What a benchmark's process says to the one that started it, before it ends by itself. */
export const report = (section: Section): void => {
  process.send!(section, () => process.disconnect())
}
