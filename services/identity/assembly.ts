import type { ServiceAssembly } from '../platform/runtime/service.js'
import { FACT_TABLES } from './fact-tables.js'
import { MIGRATIONS, openIdentityService } from './service.js'

/** Identity, from its runtime. */
export const identity: ServiceAssembly = {
  name: 'identity',
  migrations: MIGRATIONS,
  factTables: FACT_TABLES,
  open: async (runtime) => {
    const { config } = runtime
    const db = runtime.database()
    const keyStore = await runtime.keyStore()
    const service = await openIdentityService({
      db,
      factPool: runtime.relayPool,
      facts: runtime.facts,
      keyStore,
      kms: await runtime.kms(),
      sealer: runtime.sealer,
      pageTokens: runtime.pageTokens,
      issuer: runtime.issuer,
      region: runtime.region,
      leaseMs: config.factsLeaseMs,
      self: runtime.self,
      log: runtime.log,
      lifetimes: { accessToken: config.accessTokenSeconds },
    })
    return {
      routes: service.routes,
      jwks: () => service.jwks(),
      checks: async () => ({ identity: await service.ready() }),
      close: () => service.close(),
    }
  },
}
