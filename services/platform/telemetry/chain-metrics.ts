import type { ReasonName } from '../mesh/errors.js'
import type { ChainMetrics } from '../mesh/ports.js'
import { durations } from './metrics.js'
import type { MetricsRegistry } from './metrics.js'
import { Gauge } from 'prom-client'

interface CallLabels extends Record<string, string> {
  rpc_method: string
  rpc_system_name: string
  rpc_response_status_code: string
  error_type: string
}

const LABELS = ['rpc_method', 'rpc_system_name', 'rpc_response_status_code', 'error_type'] as const

/** Labels of one method's series, each made once: an object per call costs more than the observation. */
const seriesOf = (method: string) => {
  const known = new Map<string, CallLabels>()
  return (code: string, reason: ReasonName | undefined): CallLabels => {
    const key = reason === undefined ? code : `${code} ${reason}`
    let labels = known.get(key)
    if (labels === undefined) {
      labels = {
        rpc_method: method,
        rpc_system_name: 'grpc',
        rpc_response_status_code: code,
        error_type: code === 'OK' ? '' : (reason ?? code),
      }
      known.set(key, labels)
    }
    return labels
  }
}

/** `rpc.server.call.duration` of one service, and how many calls are under way. A method's series is there before its first call. */
export const createChainMetrics = (registry: MetricsRegistry): ChainMetrics => {
  const calls = durations(registry, 'rpc_server_call_duration_seconds', 'Duration of inbound remote procedure calls', LABELS)
  let active = 0
  new Gauge({
    name: 'rpc_server_active_calls',
    help: 'Inbound remote procedure calls under way',
    registers: [registry],
    collect() {
      this.set(active)
    },
  })
  return {
    method: (name) => {
      const series = seriesOf(name)
      calls.begin(series('OK', undefined))
      return {
        started: () => {
          active++
        },
        finished: (code, reason, seconds, exemplar) => {
          active--
          calls.observe(series(code, reason), seconds, exemplar)
        },
      }
    },
  }
}
