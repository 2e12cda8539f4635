import { InvalidArgumentError } from 'commander'

/** An option that takes one of a few words. */
export const choice =
  (name: string, allowed: readonly string[]) =>
  (value: string): string => {
    if (!allowed.includes(value)) throw new InvalidArgumentError(`${name} is one of ${allowed.join(', ')}`)
    return value
  }
