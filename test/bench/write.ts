import { interleaved, load, median, medianOf, quantile, ratio, ratioOf, rounds, seconds, verdict } from './measure.js'
import type { Sample } from './measure.js'
import { workDirectory } from './places.js'
import { report, table } from './results.js'
import { CONNECTIONS, FIELDS, openData } from './write-data.js'
import { openRaw } from './write-raw.js'

/** A tenant's write as data makes it against the row alone, on one Postgres; and what a tenant costs to provision. */
const TENANTS = 100
const PLACEMENTS = ['pool', 'schema'] as const

const directory = workDirectory('write')
const data = await openData(directory.path)

const took = { pool: [] as number[], schema: [] as number[] }
const tenants = { pool: [] as string[], schema: [] as string[] }
for (let i = 0; i < TENANTS; i++)
  for (const placement of PLACEMENTS) {
    const { tenantId, ms } = await data.prepare(placement)
    took[placement].push(ms)
    tenants[placement].push(tenantId)
  }
const targets = {
  pool: await Promise.all(tenants.pool.map((id) => data.collection(id))),
  schema: await Promise.all(tenants.schema.map((id) => data.collection(id))),
}
const raw = await openRaw(data.superuser)

let turn = 0
const next = (placement: (typeof PLACEMENTS)[number]) => targets[placement][turn++ % TENANTS]!
const WORK = {
  'raw, one statement after the other': () => raw.write(next('pool'), false),
  'raw, pipelined': () => raw.write(next('pool'), true),
  'pool placement': () => data.write(next('pool'), false),
  'pool placement, with request id': () => data.write(next('pool'), true),
  'schema placement': () => data.write(next('schema'), false),
} as const
type Variant = keyof typeof WORK
const VARIANTS = Object.keys(WORK) as Variant[]

const one = async (variant: Variant, concurrency: number, forSeconds = seconds): Promise<Sample> => {
  const { calls, elapsed, cpu, p50, p99 } = await load(WORK[variant], concurrency, forSeconds)
  return { rate: calls / elapsed, cpu: cpu / calls, p50, p99 }
}
for (const variant of VARIANTS) await one(variant, 16, Math.min(2, seconds))

const rows: (string | number)[][] = []
const budgets: (string | number)[][] = []
for (const concurrency of [1, 16, 64]) {
  const samples = await interleaved(VARIANTS, (variant) => one(variant, concurrency))
  const [plain, pipelined] = [samples['raw, one statement after the other'], samples['raw, pipelined']]
  for (const variant of VARIANTS) {
    const of = samples[variant]
    rows.push([
      concurrency,
      variant,
      ratio(of, plain),
      ratio(of, pipelined),
      Math.round(medianOf(of, ({ cpu }) => cpu)),
      (medianOf(of, ({ p50 }) => p50) / 1_000).toFixed(1),
      (medianOf(of, ({ p99 }) => p99) / 1_000).toFixed(1),
    ])
  }
  if (concurrency !== 16) continue
  const judge = (name: string, variant: Variant, limit: number) => {
    const value = ratioOf(samples[variant], plain)
    budgets.push([`${name}, concurrency 16, ${TENANTS} tenants / raw`, `>= ${limit}`, value.toFixed(2), verdict(value, limit, true)])
  }
  judge('write in the pool', 'pool placement', 1)
  judge('write in the pool with request id', 'pool placement, with request id', 1)
  judge('write in a schema', 'schema placement', 0.7)
}
for (const placement of PLACEMENTS) {
  const p50 = median(took[placement])
  budgets.push([
    `provisioning a tenant, ${placement}: p50, p99 ms`,
    '<= 100',
    `${p50.toFixed(1)}, ${quantile(took[placement], 0.99).toFixed(1)}`,
    verdict(p50, 100, false),
  ])
}

await raw.close()
await data.close()
directory.remove()

report({
  lines: [
    `Records of ${JSON.stringify(FIELDS).length} bytes of JSON, ${TENANTS} tenants in turn in each placement, ${CONNECTIONS} connections a side, Unix socket, Postgres 18 with fsync as \`npm start\` ` +
      `runs it; ${rounds} interleaved rounds of ${seconds} s. Raw: BEGIN, INSERT, SELECT, COMMIT, prepared, no row-level security. Ours: CreateRecord behind the chain. Ratios of ` +
      'throughput in the same round: median (least-most). CPU: of the process that writes, Postgres apart.',
    '',
    ...table(['concurrency', 'variant', '/ raw', '/ raw pipelined', 'CPU us', 'p50 ms', 'p99 ms'], rows),
    '',
    ...table(['budget', 'wanted', 'measured', ''], budgets),
  ],
})
