import type { Bundle } from '../platform/policy/bundle.js'
import type { ServiceAssembly } from '../platform/runtime/service.js'
import type { ActiveBundle } from './deps.js'
import { openPolicyService } from './service.js'

/** The policy service, from its runtime: it has no database, and serves the bundle that this very process decides by. */
export const policy: ServiceAssembly = {
  name: 'policy',
  open: ({ region, authorizer, decisionPoint, pageTokens }) => {
    let seen: ActiveBundle | undefined
    const active = (): ActiveBundle | undefined => {
      const bundle: Bundle | undefined = decisionPoint.bundle
      if (bundle === undefined) return undefined
      if (seen?.bundle !== bundle) seen = { bundle, activated: new Date() }
      return seen
    }
    active()
    const service = openPolicyService({ region, authorizer, active, pageTokens })
    return Promise.resolve({
      routes: service.routes,
      checks: async () => ({ bundle: await service.ready() }),
      close: () => service.close(),
    })
  },
}
