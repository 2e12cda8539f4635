import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Algorithm } from '@node-rs/argon2'
import { hash, verify } from '@node-rs/argon2'
import { AppError } from '../../platform/mesh/errors.js'
import { passwordText } from '../normalize.js'

/** OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane. */
const PARAMETERS = { algorithm: 2 as Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export interface Passwords {
  /** The hash to store, in PHC string format. */
  hash(password: string, signal: AbortSignal): Promise<string>
  /** Whether it is the password of that hash; without a hash the same work is done, and the answer is no. */
  verify(password: string, hash: string | undefined, signal: AbortSignal): Promise<boolean>
}

export interface PasswordOptions {
  /** Hashes computed at once. They share libuv's threads with the journal's flushes, and each takes a core for some 20 ms. */
  readonly concurrency?: number
  /** Callers that wait for a turn; one more is refused RATE_LIMITED. */
  readonly waiting?: number
}

/** Hashes and checks passwords, so many at once that logins cannot starve the process. */
export const createPasswords = (options: PasswordOptions = {}): Passwords => {
  const { concurrency = Math.min(2, Math.max(1, availableParallelism() - 1)), waiting = 64 } = options
  const turn = turns(concurrency, waiting)
  // Of a password that nobody knows, with the parameters of all others.
  const nobody = hash(randomBytes(32), PARAMETERS)
  nobody.catch(() => {})
  return {
    hash: (password, signal) => turn(signal, () => hash(passwordText(password), PARAMETERS)),
    verify: (password, stored, signal) =>
      turn(signal, async () => {
        const matches = await verify(stored ?? (await nobody), passwordText(password))
        return matches && stored !== undefined
      }),
  }
}

/** Runs work in order of arrival, at most `concurrency` at once. */
const turns = (concurrency: number, waiting: number) => {
  const queue: (() => void)[] = []
  let running = 0
  const enter = (signal: AbortSignal): Promise<void> => {
    if (running < concurrency) {
      running += 1
      return Promise.resolve()
    }
    if (queue.length >= waiting) throw new AppError('RATE_LIMITED', 'too many logins at once; try again')
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        queue.splice(queue.indexOf(begin), 1)
        reject(new AppError('DEADLINE_EXCEEDED', 'no time was left to check the password'))
      }
      const begin = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      queue.push(begin)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
  return async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted()
    await enter(signal)
    try {
      return await work()
    } finally {
      const next = queue.shift()
      if (next) next()
      else running -= 1
    }
  }
}
