import { performance } from 'node:perf_hooks'
import type { Logger } from 'pino'
import { POLICY_ERROR, readAnswer } from './answer.js'
import { loadBundle } from './bundle.js'
import type { Bundle } from './bundle.js'
import type { DecisionPoint, PolicyAnswer, PolicyInput } from './decision-point.js'
import { createHost, MEMORY } from './host.js'
import type { MemoryLimits, PolicyHost } from './host.js'
import { RELEASE_MANIFEST_SHA256 } from './release.js'

export interface DecisionPointOptions {
  /** Where `policy.wasm`, `data.json` and `manifest.json` lie. */
  readonly directory: string
  /** Hex SHA-256 of the manifest that is accepted: that of the release when not given, any when null. */
  readonly manifestSha256?: string | null
  readonly memory?: MemoryLimits
  /** An answer that took longer denies. It cannot be interrupted, so this bounds what is believed, not what is spent. */
  readonly maxMillis?: number
  readonly log?: Pick<Logger, 'error' | 'info'>
}

export interface OpenDecisionPoint extends DecisionPoint {
  /** The bundle in force. */
  readonly bundle: Bundle | undefined
  /** Reads the bundle again and puts it in force, whole; a bad one is reported, and the last good one stays. Resolves to whether it is in force. */
  reload(): Promise<boolean>
  /** Instances made by the present bundle, and bytes that the present one has. */
  stats(): { instances: number; memoryBytes: number }
}

const MEMOISED = 1024

interface Loaded {
  readonly bundle: Bundle
  readonly host: PolicyHost
  /** Answers by their text: a policy says few different things. */
  readonly answers: Map<string, PolicyAnswer>
}

const load = async (directory: string, manifestSha256: string | undefined, limits: MemoryLimits): Promise<Loaded> => {
  const bundle = await loadBundle(directory, manifestSha256)
  const host = createHost(await WebAssembly.compile(new Uint8Array(bundle.wasm)), bundle.data, bundle.entrypoint, limits)
  // A policy that lets a call pass of which it knows nothing is none.
  if (readAnswer(host.evaluate('{}')).allow) throw new Error('the policy allows an empty input')
  return { bundle, host, answers: new Map() }
}

const answer = ({ host, answers }: Loaded, input: string): PolicyAnswer => {
  const text = host.evaluate(input)
  const known = answers.get(text)
  if (known !== undefined) return known
  const read = readAnswer(text)
  if (answers.size >= MEMOISED) answers.clear()
  answers.set(text, read)
  return read
}

/**
 * Opens the decision point on a bundle. It never rejects: without a good bundle it is not ready and denies everything, and `reload` may put one in
 * force later. Its memory is `memory` at most; failures of the policy are logged at most once a second, without the input.
 */
export const openDecisionPoint = async (options: DecisionPointOptions): Promise<OpenDecisionPoint> => {
  const { directory, memory = MEMORY, maxMillis = 1000, log } = options
  const expected = options.manifestSha256 === null ? undefined : (options.manifestSha256 ?? RELEASE_MANIFEST_SHA256)
  let loaded: Loaded | undefined
  let closed = false
  let reported = -Infinity

  const report = (error: unknown) => {
    if (performance.now() - reported < 1000) return
    reported = performance.now()
    log?.error({ err: error, revision: loaded?.bundle.revision.toString() }, 'the policy failed: denied')
  }

  const reload = async (): Promise<boolean> => {
    try {
      const next = await load(directory, expected, memory)
      if (closed) return false
      loaded = next
      log?.info({ revision: next.bundle.revision.toString(), wasm_sha256: next.bundle.wasmSha256 }, 'policy in force')
      return true
    } catch (error) {
      log?.error({ err: error, in_force: loaded?.bundle.revision.toString() ?? 'none' }, 'policy bundle refused')
      return false
    }
  }

  const decide = (input: PolicyInput | string): PolicyAnswer => {
    if (loaded === undefined) return POLICY_ERROR
    try {
      const started = performance.now()
      const result = answer(loaded, typeof input === 'string' ? input : JSON.stringify(input))
      const millis = performance.now() - started
      if (millis > maxMillis) throw new Error(`the policy took ${Math.round(millis)} ms`)
      return result
    } catch (error) {
      report(error)
      return POLICY_ERROR
    }
  }

  await reload()
  return {
    decide,
    reload,
    get revision() {
      return loaded?.bundle.revision ?? 0n
    },
    get ready() {
      return loaded !== undefined
    },
    get bundle() {
      return loaded?.bundle
    },
    stats: () => ({ instances: loaded?.host.instances() ?? 0, memoryBytes: loaded?.host.memoryBytes() ?? 0 }),
    close: () => {
      closed = true
      loaded = undefined
    },
  }
}
