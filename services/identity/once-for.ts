import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { decrypt, encrypt } from '../platform/keys/aes-gcm.js'
import type { Call } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'
import type { KeptAnswer } from '../platform/postgres/once.js'
import { lookupOnce, requestKey, runOnce } from '../platform/postgres/once.js'
import type { Statement } from '../platform/postgres/statement.js'
import type { IdentityDeps } from './deps.js'

export interface Once<O extends DescMessage> {
  /** Adds the request's row to the change that answers it. `answer` is what will be answered, its etag and times apart: the database gives those. */
  with<Row>(statement: Statement<Row>, name: string, answer: MessageInitShape<O>): Statement<Row>
  /** For work that found nothing to change: what was answered to this request before, if anything was. Throws REQUEST_ID_REUSED. */
  seen(): Promise<MessageInitShape<O> | undefined>
}

/** Does `work` once per request id of the caller; a repetition is answered as the first time. Answers are kept sealed: they speak of people. */
export const onceFor = async <I extends DescMessage, O extends DescMessage>(
  { db, keyStore }: Pick<IdentityDeps, 'db' | 'keyStore'>,
  call: Call,
  input: I,
  output: O,
  request: MessageShape<I> & { readonly requestId: string },
  work: (once: Once<O>) => Promise<MessageInitShape<O>>,
): Promise<MessageInitShape<O>> => {
  const tenant = call.tenant
  // Most requests have no id: they need no key.
  if (request.requestId === '') return work({ with: (statement) => statement, seen: () => Promise.resolve(undefined) })
  const [{ key: hmacKey }, { key }] = await Promise.all([
    keyStore.dataKey(tenant, 'identity.request'),
    keyStore.dataKey(tenant, 'identity.answer'),
  ])
  const bound = (name: string): Buffer => Buffer.from(JSON.stringify([output.typeName, tenant, request.requestId, name]))
  const open = (kept: KeptAnswer): MessageInitShape<O> => {
    const plaintext = kept.answer && decrypt(key, kept.answer, bound(kept.name))
    if (!plaintext) throw new AppError('CONFLICT', 'what was answered to this request_id is not to be had any more')
    return stamped(output, fromBinary(output, plaintext), kept)
  }
  const outcome = await runOnce(db, call, { desc: input, request, hmacKey }, (attach) =>
    work({
      with: (statement, name, answer) => attach(statement, name, encrypt(key, toBinary(output, create(output, answer)), bound(name))),
      seen: async () => {
        const kept = await lookupOnce(db, call, requestKey(call, input, request, hmacKey)!)
        return kept && open(kept)
      },
    }),
  )
  return outcome.replayed ? open(outcome.kept) : outcome.result
}

/** The answer with what the database gave it: all of a change has one time, its transaction's. */
const stamped = <O extends DescMessage>(output: O, answer: MessageShape<O>, { version, time }: KeptAnswer): MessageInitShape<O> => {
  const field = output.fields.find(({ fieldKind }) => fieldKind === 'message')
  const resource = field && (answer as unknown as Record<string, Record<string, unknown> | undefined>)[field.localName]
  if (field?.message === undefined || resource === undefined) return answer as unknown as MessageInitShape<O>
  if (field.message.field['etag']) resource['etag'] = String(version)
  if (field.message.field['updateTime']) resource['updateTime'] = timestampFromDate(time)
  resource['createTime'] ??= timestampFromDate(time)
  return answer as unknown as MessageInitShape<O>
}
