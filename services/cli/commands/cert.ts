import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { newId } from '../../platform/ids.js'
import { openAuthority } from '../../platform/mesh/certificates/authority.js'
import type { Context } from '../context.js'
import { UsageError } from '../usage-error.js'

const HOUR_MS = 3_600_000

interface Options {
  out: string
  hours: number
}

/** Where the development CA is, and the names that its certificates are of. */
export interface CertSettings {
  readonly stateDirectory: string
  readonly trustDomain: string
  readonly region: string
}

export const certCommand = (program: Command, context: () => Context, settings: CertSettings): void => {
  program
    .command('cert')
    .description("issue a workload certificate of the profile's tenant with the development CA")
    .option('--out <directory>', 'where workload.pem, workload.key and ca.pem go', 'workload')
    .option('--hours <n>', 'life', (text) => Number.parseInt(text, 10), 24)
    .action(async (options: Options) => {
      const { out, session } = context()
      const { profile } = session()
      const { stateDirectory, trustDomain, region } = settings
      if (!(options.hours >= 1 && options.hours <= 8_760)) throw new UsageError('--hours: must be from 1 to 8760')
      if (!existsSync(join(stateDirectory, 'ca', 'ca.key'))) {
        throw new UsageError(`${stateDirectory} has no development CA: workload certificates come from SPIRE or cert-manager there`)
      }
      const authority = await openAuthority({ stateDir: stateDirectory, trustDomain })
      const spiffeId = `spiffe://${trustDomain}/region/${region}/tenant/${profile.tenantId}/sa/${newId('sva')}`
      const { cert, key, ca } = authority.issue({ spiffeId, ttlMs: options.hours * HOUR_MS })
      mkdirSync(options.out, { recursive: true, mode: 0o700 })
      writeFileSync(join(options.out, 'workload.pem'), cert)
      writeFileSync(join(options.out, 'workload.key'), key, { mode: 0o600 })
      writeFileSync(join(options.out, 'ca.pem'), ca)
      out.object(
        { spiffe_id: spiffeId, directory: options.out },
        `${spiffeId}\nwritten to ${options.out}: workload.pem, workload.key, ca.pem`,
      )
    })
}
