import { fork } from 'node:child_process'
import { once } from 'node:events'
import { program } from './places.js'

/** A process of a benchmark that answers one question at a time. */
export interface Worker {
  ask<Answer>(question: object): Promise<Answer>
  end(): Promise<void>
}

interface Told {
  readonly value?: unknown
  readonly error?: string
}

/** Starts a program of the bundle and waits until it serves. */
export const startWorker = (name: string, execArgv: readonly string[] = []): Worker => {
  const child = fork(program(name), { execArgv: [...execArgv] })
  let answered: ((answer: Told) => void) | undefined
  child.on('message', (message) => answered?.(message as Told))
  child.on('exit', () => answered?.({ error: 'it ended' }))
  const ask = async <Answer>(question: object): Promise<Answer> => {
    const told = new Promise<Told>((resolve) => (answered = resolve))
    child.send(question)
    const { value, error } = await told
    if (error !== undefined) throw new Error(`${name}: ${error}`)
    return value as Answer
  }
  return {
    ask,
    end: async () => {
      if (child.exitCode !== null) return
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

/** Answers questions in the process of a worker; ends it when nobody asks any more. */
export const answer = (handle: (question: never) => unknown, end: () => Promise<void> | void = () => undefined): void => {
  process.on('message', (question) => {
    void (async () => {
      try {
        process.send!({ value: (await handle(question as never)) ?? null })
      } catch (error) {
        process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
      }
    })()
  })
  process.on('disconnect', () => {
    void (async () => {
      await end()
      process.exit()
    })()
  })
}
