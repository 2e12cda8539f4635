import { performance } from 'node:perf_hooks'

/** Arguments of a benchmark's process. */
export const [seconds, rounds] = process.argv.slice(2, 4).map(Number) as [number, number]

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  const at = (sorted.length - 1) * q
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!]
  return low + (high - low) * (at - Math.floor(at))
}

/** One round of one variant. Rates per second, times in microseconds. */
export interface Sample {
  readonly rate: number
  /** CPU that the process under test took per call; its client's, where that is another process. */
  readonly cpu: number
  readonly clientCpu?: number
  readonly p50: number
  readonly p99: number
}

export const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Keeps `concurrency` calls under way for that long. */
export const load = async (
  one: () => Promise<unknown>,
  concurrency: number,
  forSeconds: number,
): Promise<{ calls: number; elapsed: number; cpu: number; p50: number; p99: number }> => {
  const times: number[] = []
  const cpu = cpuMicros()
  const started = performance.now()
  const end = started + forSeconds * 1_000
  const work = async (): Promise<void> => {
    for (;;) {
      const at = performance.now()
      if (at >= end) return
      await one()
      times.push((performance.now() - at) * 1_000)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  const elapsed = (performance.now() - started) / 1_000
  return { calls: times.length, elapsed, cpu: cpuMicros() - cpu, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

/** Rounds of all variants, A B A B, so that what else goes on meets all alike. */
export const interleaved = async <V extends string>(
  variants: readonly V[],
  one: (variant: V) => Promise<Sample>,
): Promise<Record<V, Sample[]>> => {
  const samples = Object.fromEntries(variants.map((variant) => [variant, [] as Sample[]])) as Record<V, Sample[]>
  for (let round = 0; round < rounds; round++) for (const variant of variants) samples[variant].push(await one(variant))
  return samples
}

const overRounds = (a: readonly Sample[], b: readonly Sample[], of: (sample: Sample) => number): number[] =>
  a.map((sample, round) => of(sample) / of(b[round]!))

/** Median of the ratios of neighbours in time, with their range. */
export const ratio = (a: readonly Sample[], b: readonly Sample[], of: (sample: Sample) => number = ({ rate }) => rate): string => {
  const ratios = overRounds(a, b, of)
  return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`
}

export const ratioOf = (a: readonly Sample[], b: readonly Sample[]): number => median(overRounds(a, b, ({ rate }) => rate))

export const medianOf = (samples: readonly Sample[], of: (sample: Sample) => number | undefined): number =>
  median(samples.map((sample) => of(sample) ?? Number.NaN))

/** `met`, or by how much not. `atLeast`: more is better. */
export const verdict = (value: number, budget: number, atLeast: boolean): string => {
  if (atLeast ? value >= budget : value <= budget) return 'met'
  return atLeast ? `not met: ${Math.round((1 - value / budget) * 100)}% short` : `not met: ${(value / budget).toFixed(1)} times the budget`
}
