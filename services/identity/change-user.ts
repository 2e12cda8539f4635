import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { Call } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'
import type { Statement } from '../platform/postgres/statement.js'
import type { IdentityDeps } from './deps.js'
import type { UserChange } from './events.js'
import { telling, userEvent } from './events.js'
import { checkEtag } from './map.js'
import { onceFor } from './once-for.js'
import { inForce } from './settle.js'
import { lockUser } from './store/lock-user.js'
import type { UserRow } from './store/rows.js'

export interface UserUpdate<O extends DescMessage> {
  readonly input: DescMessage
  readonly output: O
  readonly event: UserChange
  readonly changedFields: readonly string[]
  /** Said of the person, in the event's sealed part. */
  readonly personal?: Readonly<Record<string, unknown>>
  /** Takes something away: answers when it is in force on every replica. */
  readonly narrows?: boolean
  /** The change of the locked row as it stands, and what goes before it; undefined: it is so already, and nothing is written. */
  readonly change: (row: UserRow) => UserChangeStatements | undefined
  readonly answer: (row: UserRow) => MessageInitShape<O>
}

export interface UserChangeStatements {
  readonly before?: readonly Statement<never>[]
  readonly statement: Statement<UserRow>
  /** What the statement makes of the row, version and times apart. */
  readonly after: Partial<UserRow>
}

type UserRequest = { readonly tenantId: string; readonly userId: string; readonly etag: string; readonly requestId: string }

/** One change of a user: locks it, checks the etag, writes the change with its event and its request id. */
export const changeUser = async <I extends DescMessage, O extends DescMessage>(
  deps: IdentityDeps,
  call: Call,
  request: MessageShape<I> & UserRequest,
  update: UserUpdate<O> & { readonly input: I },
): Promise<MessageInitShape<O>> => {
  const { tenantId, userId } = request
  const answer = await onceFor(deps, call, update.input, update.output, request, async (once) => {
    const { row, changed } = await deps.db.transact(call, async (tx) => {
      const [[row]] = await tx.run(lockUser(tenantId, userId))
      checkEtag(request.etag, row!)
      const change = update.change(row!)
      if (change === undefined) return { row: row!, changed: undefined }
      if (change.before) await tx.run(...change.before)
      const { changedFields, personal } = update
      const event = userEvent(update.event, tenantId, userId, { changedFields, ...(personal && { personal }) })
      const keys = { [userId]: { keyId: row!.public_key_id, publicKey: row!.public_key } }
      const told = telling(deps, call, change.statement, event, keys)
      const after = update.answer({ ...row!, ...change.after })
      const [[changed]] = await tx.run(once.with(told, `tenants/${tenantId}/users/${userId}`, after))
      return { row: row!, changed }
    })
    return changed ? update.answer(changed) : ((await once.seen()) ?? update.answer(row))
  })
  if (update.narrows) await inForce(deps.leaseMs, call)
  return answer
}

/** Refuses what would leave a tenant without the one who acts: an administrator at least stays. */
export const checkNotOneself = (call: Call, tenantId: string, userId: string, what: string): void => {
  if (call.subject?.tenant === tenantId && call.subject.id === userId) throw new AppError('IMMUTABLE', `nobody can ${what} oneself`)
}
