import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureOperator, hasOperator } from '../identity/bootstrap.js'
import type { BootstrapDeps } from '../identity/bootstrap.js'
import type { Config } from '../platform/config/schema.js'
import { gatewayUrl } from '../platform/runtime/endpoints.js'
import { writePrivately } from '../platform/runtime/secrets.js'

interface Credential {
  readonly gateway: string
  readonly slug: 'platform'
  readonly email: string
  readonly password: string
}

const read = (path: string): Credential | undefined => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Credential
  } catch {
    return undefined
  }
}

/**
 * The first operator and `operator.json` (0600) with the credential. The file is written before the operator exists: a crash in between leaves a password
 * that the next start goes on with, never an operator whose password nobody has. A file that somebody removed stays away.
 */
export const ensureFirstOperator = async (config: Config, deps: BootstrapDeps): Promise<{ path: string; written: boolean }> => {
  const path = join(config.stateDir, 'operator.json')
  const known = read(path)
  const present = await hasOperator(deps)
  if (present && known === undefined) return { path, written: false }
  const credential: Credential = {
    gateway: gatewayUrl(config),
    slug: 'platform',
    email: known?.email ?? config.operatorEmail,
    password: known?.password ?? config.operatorPassword?.reveal() ?? randomBytes(24).toString('base64url'),
  }
  if (credential.gateway !== known?.gateway) writePrivately(path, `${JSON.stringify(credential, undefined, 2)}\n`)
  if (!present) await ensureOperator(deps, credential)
  return { path, written: true }
}
