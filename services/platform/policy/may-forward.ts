import { z } from 'zod'
import type { OpenDecisionPoint } from './open-decision-point.js'
import type { Bundle } from './bundle.js'

const Data = z.object({ tenantry: z.object({ workload: z.object({ may_forward: z.array(z.string()) }) }) })
const SERVICE = /^spiffe:\/\/[^/]+\/region\/[^/]+\/svc\/([^/]+)$/

/** Whether the policy in force lets a workload, by its SPIFFE id, pass on tokens that are bound to another certificate. No policy: none may. */
export const mayForward = (decisionPoint: Pick<OpenDecisionPoint, 'bundle'>): ((spiffeId: string) => boolean) => {
  let read: Bundle | undefined
  let services: ReadonlySet<string> = new Set()
  return (spiffeId) => {
    const { bundle } = decisionPoint
    if (bundle !== read) {
      read = bundle
      services = new Set(bundle === undefined ? [] : Data.parse(JSON.parse(bundle.data)).tenantry.workload.may_forward)
    }
    const service = SERVICE.exec(spiffeId)?.[1]
    return service !== undefined && services.has(service)
  }
}
