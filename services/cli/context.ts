import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { TenantService } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import type { ServiceClient } from '../platform/mesh/client.js'
import type { Output } from './output.js'
import type { Profile, Profiles } from './profile.js'
import { UsageError } from './usage-error.js'

/** A connection to a gateway: one client for each service. */
export interface Edge {
  client<T extends GenServiceMethods>(service: GenService<T>): ServiceClient<T>
  close(): void
}

/** Opens a connection; `token` is asked before each call and may renew itself. */
export type OpenEdge = (gateway: string, ca: string | undefined, token: () => Promise<string | undefined>) => Edge

/** What a command has: who we are, the platform, and where its result goes. */
export interface Context {
  readonly out: Output
  readonly profiles: Profiles
  readonly openEdge: OpenEdge
  /** The profile's connection; throws UsageError without a login. */
  session(): { edge: Edge; profile: Profile }
  /** The tenant to act on: the profile's, or the one named by id or slug (operators). */
  tenant(named: string | undefined): Promise<string>
  close(): void
}

/** Renewed when less than this is left. */
const RENEW_MS = 60_000

export const createContext = (out: Output, profiles: Profiles, openEdge: OpenEdge): Context => {
  let opened: { edge: Edge; profile: Profile } | undefined
  const session = () => {
    if (opened) return opened
    const profile = profiles.read()
    if (!profile) throw new UsageError('not logged in: run `tenantry login` first')
    const edge = openEdge(profile.gateway, profile.ca, tokenOf(profile, profiles, openEdge))
    opened = { edge, profile }
    return opened
  }
  return {
    out,
    profiles,
    openEdge,
    session,
    tenant: async (named) => {
      const { edge, profile } = session()
      if (!named || named === profile.slug) return profile.tenantId
      if (named.startsWith('ten_')) return named
      const { tenants } = await edge.client(TenantService).listTenants({ filter: `slug = ${JSON.stringify(named)}` })
      if (!tenants[0]) throw new UsageError(`--tenant: no tenant has the slug ${JSON.stringify(named)}`)
      return tenants[0].tenantId
    },
    close: () => opened?.edge.close(),
  }
}

/** The profile's access token, renewed with the refresh token when it is about to end. */
const tokenOf = (profile: Profile, profiles: Profiles, openEdge: OpenEdge): (() => Promise<string>) => {
  let renewing: Promise<void> | undefined
  const renew = async (): Promise<void> => {
    const edge = openEdge(profile.gateway, profile.ca, () => Promise.resolve(undefined))
    try {
      const { tokens } = await edge
        .client(SessionService)
        .refreshSession({ tenantId: profile.tenantId, refreshToken: profile.refreshToken })
      profile.accessToken = tokens!.accessToken
      profile.accessTokenExpires = timestampMs(tokens!.accessTokenExpireTime!)
      profile.refreshToken = tokens!.refreshToken
      profiles.write(profile)
    } finally {
      edge.close()
    }
  }
  return async () => {
    if (profile.accessTokenExpires - Date.now() < RENEW_MS) {
      renewing ??= renew().finally(() => (renewing = undefined))
      await renewing
    }
    return profile.accessToken
  }
}
