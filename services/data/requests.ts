import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { decrypt, encrypt } from '../platform/keys/aes-gcm.js'
import { framed } from '../platform/keys/framing.js'
import type { KeyStore } from '../platform/keys/key-store.js'
import type { Call } from '../platform/mesh/call.js'
import type { Database } from '../platform/postgres/database.js'
import { runOnce } from '../platform/postgres/once.js'
import type { Statement } from '../platform/postgres/statement.js'

/** What was kept of an answer: name, version and time of its change in clear; `rest` undefined where it was too large or its key is gone. */
export interface KeptAnswer {
  readonly name: string
  readonly version: bigint
  readonly time: Date
  readonly rest: unknown
}

/** Adds the row of the request id to the change that answers the request: `name` of what changed, and the rest of the answer, which is sealed. */
export type Once<Rest> = <Row>(statement: Statement<Row>, name: string, rest: Rest) => Statement<Row>

export type Done<T> = { readonly replayed: false; readonly result: T } | { readonly replayed: true; readonly kept: KeptAnswer }

/** Request ids, with the fields of the answers sealed under a key of the tenant before they are written. */
export interface Requests {
  run<Desc extends DescMessage, Rest, T>(
    call: Call,
    desc: Desc,
    request: MessageShape<Desc> & { readonly requestId: string },
    work: (once: Once<Rest>) => Promise<T>,
  ): Promise<Done<T>>
}

const plain: Once<unknown> = (statement) => statement

export const openRequests = (db: Database, keyStore: Pick<KeyStore, 'dataKey'>): Requests => ({
  run: async (call, desc, request, work) => {
    if (request.requestId === '') return { replayed: false, result: await work(plain) }
    const [{ key: hmacKey }, answerKey] = await Promise.all([
      keyStore.dataKey(call.tenant, 'data.request'),
      keyStore.dataKey(call.tenant, 'data.answer'),
    ])
    const boundTo = framed('tenantry.data.answer.v1', answerKey.keyId, call.tenant, call.method.name, request.requestId)
    const done = await runOnce(db, call, { desc, request, hmacKey }, (attach) =>
      work((statement, name, rest) => attach(statement, name, encrypt(answerKey.key, Buffer.from(JSON.stringify(rest)), boundTo))),
    )
    if (!done.replayed) return done
    const { name, version, time, answer } = done.kept
    const rest = answer === undefined ? undefined : decrypt(answerKey.key, answer, boundTo)
    return {
      replayed: true,
      kept: { name, version, time, rest: rest === undefined ? undefined : (JSON.parse(rest.toString()) as unknown) },
    }
  },
})
