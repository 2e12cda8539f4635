import type { ServiceAssembly } from '../platform/runtime/service.js'
import { MIGRATIONS, openDataService, schemaOf } from './service.js'

/** The data service, from its runtime. */
export const data: ServiceAssembly = {
  name: 'data',
  migrations: MIGRATIONS,
  open: async (runtime) => {
    const { facts, sealer, pageTokens } = runtime
    const db = runtime.database({ schemaOf: schemaOf(facts) })
    const service = openDataService({ db, facts, keyStore: await runtime.keyStore(), sealer, pageTokens })
    return { routes: service.routes, checks: async () => ({ data: await service.ready() }), close: () => service.close() }
  },
}
