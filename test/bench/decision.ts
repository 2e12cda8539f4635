import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { create } from '@bufbuild/protobuf'
import { UpdateRecordRequestSchema, RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { GetCollectionRequestSchema, CollectionService } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { FactService, RenewRequestSchema } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { meshMethod } from '../../services/platform/mesh/method.js'
import { createAuthorizer } from '../../services/platform/policy/authorizer.js'
import type { PolicyInput } from '../../services/platform/policy/decision-point.js'
import { openDecisionPoint } from '../../services/platform/policy/open-decision-point.js'
import { ACME, BOB, COLLECTION, roleFact, subject, testCall, testFacts, workload, WORLD } from '../../services/platform/policy/testing.js'
import { newId } from '../../services/platform/ids.js'
import { cpuMicros, interleaved, medianOf, quantile, ratio, rounds, seconds, verdict } from './measure.js'
import type { Sample } from './measure.js'
import { POLICY_DIRECTORY } from './places.js'
import { report, table } from './results.js'

/** One decision after the other, in this process: the policy's answer uncached, against OPA's own package on the same bundle, and the cached way. */
interface Rival {
  setData(data: object): void
  evaluate(input: object): readonly { readonly result: { readonly allow: boolean } }[]
}

// Named at run time: only platform/policy may import it.
const RIVAL: string = '@open-policy-agent/opa-wasm'
const { default: opa } = (await import(RIVAL)) as { default: { loadPolicy(wasm: Buffer): Promise<Rival> } }
const rival = await opa.loadPolicy(readFileSync(join(POLICY_DIRECTORY, 'policy.wasm')))
rival.setData(JSON.parse(readFileSync(join(POLICY_DIRECTORY, 'data.json'), 'utf8')) as object)

const decisionPoint = await openDecisionPoint({ directory: POLICY_DIRECTORY })
const ROLES = 1_000
const custom = Array.from({ length: ROLES }, (_, i) => roleFact(ACME, newId('rol'), ['data.collection.read', `data.record.custom_${i}`]))
const facts = await testFacts([...WORLD, ...custom], { leaseMs: 3_600_000, renewMs: 3_600_000 })

// What the authorizer asks the policy: caught on its way.
let asked = ''
const spied = createAuthorizer({
  service: 'data',
  region: 'local',
  facts,
  decisionPoint: {
    ...decisionPoint,
    revision: decisionPoint.revision,
    ready: true,
    decide: (input) => {
      asked = input as string
      return decisionPoint.decide(input)
    },
  },
})
const update = meshMethod(RecordService.method.updateRecord)
const recordId = newId('rec')
const updating = create(UpdateRecordRequestSchema, { tenantId: ACME, collectionId: COLLECTION, recordId })
const bob = testCall({ subject: subject(ACME, BOB) })
const row = { owner: BOB, classification: 'internal' } as const
const first = await spied.decideWithRow(update, updating, bob, row)
const text = asked
const object = JSON.parse(text) as PolicyInput
const second = await spied.decide(
  meshMethod(FactService.method.renew),
  create(RenewRequestSchema),
  testCall({ workload: workload('identity'), clientAddress: undefined }),
)
const shortText = asked
const shortObject = JSON.parse(shortText) as PolicyInput
const both = [first.allow, second.allow, ...[object, shortObject].map((input) => rival.evaluate(input)[0]?.result.allow)]
if (both.some((allow) => allow !== true)) throw new Error('both were to allow both')

const authorizer = createAuthorizer({ service: 'data', region: 'local', facts, decisionPoint })
const read = meshMethod(CollectionService.method.getCollection)
const reading = create(GetCollectionRequestSchema, { tenantId: ACME, collectionId: COLLECTION })
let tokens = 0

/** Calls that take well under a microsecond are timed in hundreds. */
const timed = (work: () => unknown, batch: number): Sample => {
  const times: number[] = []
  const cpu = cpuMicros()
  const started = performance.now()
  const end = started + seconds * 1_000
  let at = started
  while (at < end) {
    for (let i = 0; i < batch; i++) work()
    const now = performance.now()
    times.push(((now - at) * 1_000) / batch)
    at = now
  }
  const calls = times.length * batch
  return { rate: calls / ((at - started) / 1_000), cpu: (cpuMicros() - cpu) / calls, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

const WORK = {
  'opa-wasm, object': [() => rival.evaluate(object), 1],
  'ours, object': [() => decisionPoint.decide(object), 1],
  'ours, text as the authorizer makes it': [() => decisionPoint.decide(text), 1],
  'opa-wasm, object, a workload by itself': [() => rival.evaluate(shortObject), 1],
  'ours, text, a workload by itself': [() => decisionPoint.decide(shortText), 1],
  'authorizer, with a row (never cached)': [() => authorizer.decideWithRow(update, updating, bob, row), 1],
  'authorizer, new token every call': [
    () => authorizer.decide(read, reading, testCall({ subject: subject(ACME, BOB, { token: `token ${tokens++}` }) })),
    1,
  ],
  'authorizer, cached': [() => authorizer.decide(read, reading, bob), 100],
} as const
type Variant = keyof typeof WORK
const VARIANTS = Object.keys(WORK) as Variant[]

const started = process.memoryUsage().rss
for (const variant of VARIANTS)
  for (let i = 0; i < 20_000; i++)
    if (WORK[variant][0]() instanceof Promise) throw new Error(`${variant} waits: its time would not be seen`)
const samples = await interleaved(VARIANTS, async (variant) => {
  const [work, batch] = WORK[variant]
  return timed(work, batch)
})

const theirs = samples['opa-wasm, object']
const p50 = (variant: Variant) => medianOf(samples[variant], (sample) => sample.p50)
const rows = VARIANTS.map((variant) => [
  variant,
  p50(variant).toFixed(2),
  medianOf(samples[variant], ({ p99 }) => p99).toFixed(2),
  medianOf(samples[variant], ({ cpu }) => cpu).toFixed(2),
  ratio(samples[variant], theirs, ({ p50: value }) => value),
])
const uncached = p50('ours, text as the authorizer makes it')
const cached = p50('authorizer, cached')
const { instances, memoryBytes } = decisionPoint.stats()
facts.close()
decisionPoint.close()

report({
  lines: [
    `Input of ${Buffer.byteLength(text)} bytes (an editor updates a record, second decision with the row), allowed; the workload's by itself has ${Buffer.byteLength(shortText)}; ${ROLES} custom roles defined, one held; one caller; ` +
      `${rounds} interleaved rounds of ${seconds} s. Ratio: p50 to the package's in the same round, median (least-most), less is better.`,
    '',
    ...table(['variant', 'p50 us', 'p99 us', 'CPU us', 'p50 / opa-wasm'], rows),
    '',
    ...table(
      ['budget', 'wanted', 'measured', ''],
      [
        ['uncached decision, p50 us', '<= 27.5 (1.25 x 22)', uncached.toFixed(1), verdict(uncached, 27.5, false)],
        ['cached decision, p50 us', '<= 1', cached.toFixed(2), verdict(cached, 1, false)],
        ['against `opa run --server`', '>= 25x by CPU', 'not part of this run', ''],
      ],
    ),
    '',
    `Memory of the policy after all of it: ${(memoryBytes / 2 ** 20).toFixed(1)} MiB in ${instances} instance(s); the process ` +
      `${Math.round((process.memoryUsage().rss - started) / 2 ** 20)} MiB more than at the start, caches of 20,000 tokens included.`,
  ],
})
