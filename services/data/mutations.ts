import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import type { EventDraft, SealedDraft } from '../platform/events/draft.js'
import type { Call } from '../platform/mesh/call.js'
import { AppError } from '../platform/mesh/errors.js'
import type { KeptAnswer, Once, Requests } from './requests.js'

/** What one mutation is made with. */
export interface Writing<Rest> {
  /** Numbers and seals the event of a change. Asked again for the same resource, as by another attempt, it keeps its number. */
  event(draft: EventDraft): SealedDraft
  readonly once: Once<Rest>
}

export interface Mutation<Rest, Answer> {
  write(writing: Writing<Rest>): Promise<Answer>
  /** The answer that was given to this request before. Without `rest`, which was too large to be kept, it is read anew. */
  replay(kept: KeptAnswer, rest: Rest | undefined): Promise<Answer> | Answer
}

export interface Mutations {
  /** Writes once per request id: repeated, it answers as the first time, or REQUEST_ID_REUSED for another body. */
  run<Desc extends DescMessage, Rest, Answer>(
    call: Call,
    desc: Desc,
    request: MessageShape<Desc> & { readonly requestId: string },
    mutation: Mutation<Rest, Answer>,
  ): Promise<Answer>
}

export const openMutations = (requests: Requests, seal: (draft: EventDraft, call: Call) => SealedDraft): Mutations => ({
  run: async <Desc extends DescMessage, Rest, Answer>(
    call: Call,
    desc: Desc,
    request: MessageShape<Desc> & { readonly requestId: string },
    { write, replay }: Mutation<Rest, Answer>,
  ): Promise<Answer> => {
    const events = new Map<string, SealedDraft>()
    const event = (draft: EventDraft): SealedDraft => {
      const numbered = events.get(draft.subject)
      const sealed = numbered === undefined ? seal(draft, call) : { ...numbered, changedFields: draft.changedFields }
      events.set(draft.subject, sealed)
      return sealed
    }
    // The call's record counts events that happened. Where nobody knows whether COMMIT did, they stay counted: a missing one shows.
    let unknown = false
    const drop = (): void => {
      if (!unknown) call.dropEvents?.([...events.values()].map(({ id }) => id))
    }
    try {
      const done = await requests.run<Desc, Rest, Answer>(call, desc, request, async (once) => {
        try {
          return await write({ event, once })
        } catch (error) {
          unknown = error instanceof AppError && error.reason === 'OUTCOME_UNKNOWN'
          throw error
        }
      })
      if (!done.replayed) return done.result
      drop()
      return await replay(done.kept, done.kept.rest as Rest | undefined)
    } catch (error) {
      drop()
      throw error
    }
  },
})
