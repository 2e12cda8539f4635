import { readFileSync } from 'node:fs'
import { configKeys, schema, secretKeys } from './schema.js'
import type { Config, ConfigKey } from './schema.js'

const PREFIX = 'TENANTRY_'
/** Names the file; it is no key of the file itself. */
const FILE = `${PREFIX}CONFIG`
/** The command line's own: someone may have them set in the shell that starts a service. */
const NOT_OURS = new Set([FILE, `${PREFIX}CONFIG_DIR`, `${PREFIX}PROFILE`])
/** Keys that are given all or not at all. */
const TOGETHER = [
  ['certificateFile', 'certificateKeyFile', 'certificateAuthorityFile'],
  ['edgeCertificateFile', 'edgeKeyFile', 'edgeAuthorityFile'],
] as const satisfies readonly (readonly ConfigKey[])[]

/** `portData` as `TENANTRY_PORT_DATA`. */
export const environmentName = (key: string): string => PREFIX + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

/** What is wrong with the configuration, all of it: one line a key, with the rule and never the value. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`configuration:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
  }
}

export interface ConfigSources {
  /** `process.env`, given by main.ts. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** From the command line: they win over the environment, which wins over the file. */
  readonly overrides?: Readonly<Partial<Record<ConfigKey, unknown>>>
}

/** Reads and checks everything at once. Throws ConfigError with every problem; unknown keys are problems. */
export const loadConfig = ({ env, overrides = {} }: ConfigSources): Config => {
  const problems: string[] = []
  const file = fromFile(env[FILE], problems)
  const environment = fromEnvironment(env, problems)
  const values: Record<string, unknown> = { ...file, ...environment, ...overrides }
  const parsed = schema.safeParse(values)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const key = String(issue.path[0])
      const name =
        key in overrides
          ? `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
          : key in environment
            ? environmentName(key)
            : key
      problems.push(`${name} ${issue.message}`)
    }
  } else {
    for (const group of TOGETHER) {
      const given = group.filter((key) => parsed.data[key] !== undefined)
      if (given.length > 0 && given.length < group.length) problems.push(`${group.map(environmentName).join(', ')} go together`)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.sort())
  return parsed.data!
}

const fromEnvironment = (env: ConfigSources['env'], problems: string[]): Record<string, unknown> => {
  const names = new Map(configKeys.map((key) => [environmentName(key), key]))
  const files = new Map(secretKeys.map((key) => [`${environmentName(key)}_FILE`, key]))
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || NOT_OURS.has(name) || value === undefined) continue
    const key = names.get(name)
    const secretKey = files.get(name)
    if (key !== undefined) {
      values[key] = value
    } else if (secretKey !== undefined) {
      if (env[environmentName(secretKey)] !== undefined) problems.push(`${name} and ${environmentName(secretKey)} exclude each other`)
      else values[secretKey] = readText(value, name, problems)?.replace(/\r?\n$/, '')
    } else {
      problems.push(`${name} is not a key of the configuration`)
    }
  }
  return values
}

const fromFile = (path: string | undefined, problems: string[]): Record<string, unknown> => {
  if (path === undefined) return {}
  const text = readText(path, FILE, problems)
  if (text === undefined) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // The parser's message quotes the text, which may hold secrets.
    problems.push(`${FILE} names a file that is not JSON`)
    return {}
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    problems.push(`${FILE} names a file that is not a JSON object`)
    return {}
  }
  const known = new Set<string>(configKeys)
  for (const key of Object.keys(parsed)) if (!known.has(key)) problems.push(`${key} is not a key of the configuration (in the file)`)
  return Object.fromEntries(Object.entries(parsed).filter(([key]) => known.has(key)))
}

const readText = (path: string, name: string, problems: string[]): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    problems.push(`${name} names a file that can't be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
    return undefined
  }
}
