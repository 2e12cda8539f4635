import type { SessionService as Contract } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import type { Call } from '../../platform/mesh/call.js'
import { AppError } from '../../platform/mesh/errors.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import type { IdentityDeps } from '../deps.js'
import { endSession } from '../end-sessions.js'
import { sessionEvent, telling } from '../events.js'
import { toSession } from '../map.js'
import { insertRefreshToken } from '../store/insert-refresh-token.js'
import type { PresentedRow } from '../store/lock-session.js'
import { lockSession, selectPresented } from '../store/lock-session.js'
import { touchSession } from '../store/touch-session.js'
import { deleteOldRefreshTokens, useRefreshToken } from '../store/use-refresh-token.js'
import { issueTokens } from '../tokens/issue.js'
import { newRefreshToken, readRefreshToken } from '../tokens/refresh-token.js'

const invalid = (): AppError => new AppError('TOKEN_INVALID', 'the refresh token is not valid')

type Verdict = 'first' | 'once-more' | 'reused'

/** Carries a session on with its refresh token, which is good once. One that was used before is a copy in two hands: the session ends for both. */
export const refreshSession =
  (deps: IdentityDeps): Rpc<typeof Contract.method.refreshSession> =>
  async (request, call) => {
    const presented = readRefreshToken(request.refreshToken)
    if (!presented) throw invalid()
    await deps.facts.ensure(call.deadline)
    const done = await rotate(deps, call, request.tenantId, presented)
    if (done.reused) {
      await endSession(deps, call, done.reused, 'refresh_token_reused')
      throw new AppError('REFRESH_TOKEN_REUSED', 'the refresh token was used before: the session has ended')
    }
    return { session: toSession(done.session), tokens: issueTokens(deps, done.session, done.refresh) }
  }

const rotate = (deps: IdentityDeps, call: Call, tenantId: string, { sessionId, hash }: { sessionId: string; hash: Buffer }) =>
  deps.db.transact(call, async (tx) => {
    // Two statements, so that what is read was committed before the lock was had.
    const [, [row]] = await tx.run(
      lockSession(tenantId, sessionId),
      selectPresented(tenantId, sessionId, hash, deps.lifetimes.refreshGrace),
    )
    if (!row || row.generation === null) throw invalid()
    // Proven by the token: the record goes where the event goes.
    call.enterTenant(tenantId)
    const verdict = judge(row)
    if (verdict === 'reused') return { reused: row }
    // No policy asks that of an anonymous call; its token has proven by now whose it is.
    if (deps.facts.tenant(tenantId)?.status !== 'active') throw new AppError('TENANT_SUSPENDED', 'the tenant is not active')
    const next = newRefreshToken(sessionId)
    const [, [stored], [session]] = await tx.run(
      // Once more: the generation made for the first use is superseded with it, so that one chain goes on and not two.
      useRefreshToken(tenantId, sessionId, row.generation, verdict === 'once-more'),
      insertRefreshToken(tenantId, sessionId, next.hash, deps.lifetimes.refreshToken),
      telling(deps, call, touchSession(tenantId, sessionId), sessionEvent('refreshed', tenantId, sessionId, row.user_id)),
      deleteOldRefreshTokens(tenantId, sessionId),
    )
    return { reused: undefined, session: session!, refresh: { token: next.token, expireTime: stored!.expire_time } }
  })

const judge = (row: PresentedRow): Verdict => {
  if (row.revoked_time !== null) throw new AppError('SESSION_REVOKED', 'the session has ended')
  if (row.session_expired || row.expired) throw new AppError('TOKEN_EXPIRED', 'the session has expired')
  if (row.spent || (row.used && !(row.within_grace && row.generation === row.last_generation - 1))) return 'reused'
  if (row.user_status !== 'active') throw new AppError('SUBJECT_SUSPENDED', 'the user is suspended')
  return row.used ? 'once-more' : 'first'
}
