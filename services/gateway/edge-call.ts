import { CallState } from '../platform/mesh/state.js'

/** A call at the edge: as any call of the mesh, and whether a service has answered it. */
export class EdgeCall extends CallState {
  /** Decision id of the service that decided, once it has answered: that service has recorded the call, the gateway has not. */
  forwarded: string | undefined
}
