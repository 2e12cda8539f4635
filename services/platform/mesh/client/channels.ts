import { ChannelCredentials, Client, connectivityState } from '@grpc/grpc-js'
import type { ChannelOptions } from '@grpc/grpc-js'
import { createSecureContext } from 'node:tls'
import type { Certificate, CertificateSource } from '../certificates/source.js'
import { workloadOf } from '../workload.js'

export interface ChannelsOptions {
  readonly source: CertificateSource
  /** As `127.0.0.1:9443`, `dns:///data.mesh:9443`, or `ipv4:10.0.0.1:9443,10.0.0.2:9443`. */
  readonly target: string
  readonly trustDomain: string
  /** Whether a server may be the one that we mean, by its SPIFFE id. */
  expect(spiffeId: string): boolean
  /** Connections per target: two give a quarter more than one. */
  readonly channels: number
  readonly maxMessageBytes: number
  readonly keepaliveMs: number
  /** Resets that a connection takes at once, and how many it regains a second. */
  readonly resets: { readonly burst: number; readonly perSecond: number }
}

/** One connection and what it owes: calls in flight, and resets left. */
export interface Channel {
  readonly grpc: Client
  /** Takes one reset from the budget; false: none left, so let the answer come and drop it. */
  takeReset(): boolean
  enter(): void
  leave(): void
}

/** Node's HTTP/2 closes a session past about 1,000 resets and 33 a second: honest cancellations must not kill everyone else's calls. */
const budget = ({ burst, perSecond }: ChannelsOptions['resets']) => {
  let left = burst
  let at = performance.now()
  return (): boolean => {
    const now = performance.now()
    left = Math.min(burst, left + ((now - at) / 1_000) * perSecond)
    at = now
    if (left < 1) return false
    left--
    return true
  }
}

const credentialsOf = ({ cert, key, ca }: Certificate, options: ChannelsOptions): ChannelCredentials =>
  ChannelCredentials.createFromSecureContext(createSecureContext({ cert, key, ca, minVersion: 'TLSv1.3' }), {
    // The SPIFFE id is the server's identity; names and addresses say nothing.
    checkServerIdentity: (_host, certificate) => {
      try {
        const { spiffeId } = workloadOf(certificate.raw, options.trustDomain)
        return options.expect(spiffeId) ? undefined : new Error(`the server is ${spiffeId}`)
      } catch (error) {
        return error as Error
      }
    },
  })

/** Connections to one target with the certificate in force: a renewed one opens new connections, and the old ones close when their last call ended. */
export const openChannels = (options: ChannelsOptions) => {
  const { source, target, channels, maxMessageBytes, keepaliveMs } = options
  const channelOptions: ChannelOptions = {
    'grpc.enable_channelz': 0,
    'grpc.use_local_subchannel_pool': 1,
    // Sent as SNI, where an address may not stand; nobody goes by it.
    'grpc.ssl_target_name_override': 'mesh.localhost',
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.service_config_disable_resolution': 1,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  }
  const open = (): Channel & { retire(): void } => {
    const grpc = new Client(target, credentialsOf(source.current(), options), channelOptions)
    let calls = 0
    let retired = false
    return {
      grpc,
      takeReset: budget(options.resets),
      enter: () => void calls++,
      leave: () => {
        calls--
        if (retired && calls === 0) grpc.close()
      },
      retire: () => {
        retired = true
        if (calls === 0) grpc.close()
      },
    }
  }
  const openAll = () => Array.from({ length: channels }, open)
  let current = openAll()
  let turn = 0
  const unsubscribe = source.onChange(() => {
    const old = current
    current = openAll()
    for (const channel of old) channel.retire()
  })
  return {
    pick: (): Channel => current[(turn = (turn + 1) % current.length)]!,
    /** Resolves when a connection stands; rejects after `ms`. */
    ready: (ms: number): Promise<void> =>
      new Promise((resolve, reject) => current[0]!.grpc.waitForReady(Date.now() + ms, (error) => (error ? reject(error) : resolve()))),
    get connected(): boolean {
      return current.some((channel) => channel.grpc.getChannel().getConnectivityState(false) === connectivityState.READY)
    },
    close: (): void => {
      unsubscribe()
      for (const channel of current) channel.retire()
    },
  }
}

export type Channels = ReturnType<typeof openChannels>
