import { Presets, SingleBar } from 'cli-progress'

export interface Bar {
  update(value: number): void
  stop(): void
}

/** A bar on standard error where that is a terminal; else nothing. */
const bar = (format: string, total: number, quiet: boolean): Bar => {
  if (quiet || !process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const shown = new SingleBar({ format, stream: process.stderr, hideCursor: true, clearOnComplete: false }, Presets.rect)
  shown.start(total, 0)
  return { update: (value) => shown.update(value), stop: () => shown.stop() }
}

export const steps = (total: number, quiet: boolean): Bar => bar('provisioning {bar} {value}/{total}', total, quiet)

export const bytes = (total: number, quiet: boolean): Bar => bar('importing {bar} {percentage}% | {eta_formatted} left', total, quiet)
