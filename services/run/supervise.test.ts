import { afterEach, describe, expect, it } from '@jest/globals'
import { supervise } from './supervise.js'
import type { Supervised } from './supervise.js'

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A child that reports its pid, then does what `script` says. */
const start = (script: string) => {
  const pids: number[] = []
  const exits: (number | undefined)[] = []
  const waiting: (() => void)[] = []
  const child = supervise({
    name: 'child',
    command: process.execPath,
    args: ['-e', `process.send(process.pid); ${script}`],
    env: process.env,
    firstBackOffMs: 10,
    maxBackOffMs: 40,
    onMessage: (pid) => {
      pids.push(pid as number)
      waiting.splice(0).forEach((resolve) => resolve())
    },
    onExit: ({ restartInMs }) => exits.push(restartInMs),
  })
  const started = async (count: number): Promise<void> => {
    while (pids.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  return { child, pids, exits, started }
}

describe('supervise()', () => {
  let child: Supervised | undefined
  afterEach(async () => child?.stop(0))

  it('starts a dead child again, later each time', async () => {
    const run = start('process.exit(1)')
    child = run.child
    await run.started(4)
    expect(new Set(run.pids).size).toBe(4)
    expect(run.exits.slice(0, 3)).toEqual([10, 20, 40])
  })

  it('starts a killed child again', async () => {
    const run = start('setInterval(() => {}, 1000)')
    child = run.child
    await run.started(1)
    process.kill(run.pids[0]!, 'SIGKILL')
    await run.started(2)
    expect(alive(run.pids[0]!)).toBe(false)
  })

  it('stops for good, gently first', async () => {
    const run = start("process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000)")
    await run.started(1)
    await run.child.stop(5000)
    expect(alive(run.pids[0]!)).toBe(false)
    expect(run.exits).toEqual([])
  })

  it('kills a child that does not go', async () => {
    const run = start("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)")
    await run.started(1)
    await run.child.stop(50)
    expect(alive(run.pids[0]!)).toBe(false)
  })
})
