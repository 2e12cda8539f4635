import { randomUUID } from 'node:crypto'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import type { TokensSchema } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import { signToken } from '../../platform/mesh/tokens.js'
import type { IdentityDeps } from '../deps.js'
import type { SessionRow } from '../store/rows.js'

/** Who may take an access token: every service of the platform. */
export const AUDIENCE = 'tenantry'

/**
 * The tokens of a session that was just begun or carried on: an access token (RFC 9068) without roles, since those are facts that change while it lives,
 * and the refresh token that the caller has stored the hash of. Times of access tokens are the process's; verifiers allow 30 s of skew.
 */
export const issueTokens = (
  { signingKeys, lifetimes, issuer, region }: Pick<IdentityDeps, 'signingKeys' | 'lifetimes' | 'issuer' | 'region'>,
  session: SessionRow,
  refresh: { token: string; expireTime: Date },
): MessageInitShape<typeof TokensSchema> => {
  const iat = Math.floor(Date.now() / 1000)
  const exp = iat + lifetimes.accessToken
  const { kid, privateKey } = signingKeys.active()
  const claims = {
    iss: issuer,
    aud: AUDIENCE,
    sub: session.user_id,
    tenant: session.tenant_id,
    region,
    sid: session.session_id,
    auth_time: Math.floor(session.auth_time.getTime() / 1000),
    iat,
    nbf: iat,
    exp,
    jti: randomUUID(),
    mfa: session.mfa,
  }
  return {
    accessToken: signToken(claims, kid, privateKey),
    accessTokenExpireTime: timestampFromDate(new Date(exp * 1000)),
    refreshToken: refresh.token,
    refreshTokenExpireTime: timestampFromDate(refresh.expireTime),
  }
}
