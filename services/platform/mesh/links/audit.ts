import { status as Code } from '@grpc/grpc-js'
import { Outcome, RecordKind } from '../../../../proto/gen/tenantry/events/v1/envelope_pb.js'
import { PLATFORM_TENANT } from '../../ids.js'
import type { Reservation } from '../../journal/journal.js'
import type { Counts } from '../audit/record.js'
import { copyTenant, createRecords, logTenant, outcomeOf } from '../audit/record.js'
import type { Link, Run } from '../chain.js'
import type { Exchange } from '../exchange.js'
import type { ChainPorts } from '../ports.js'
import type { CallState } from '../state.js'
import type { Answer } from '../status.js'
import { answerError } from '../status.js'
import { asAppError } from './error-boundary.js'

/** Room taken in the journal for one call's records. */
class Rooms {
  private readonly held: Reservation[] = []

  constructor(private readonly ports: ChainPorts) {}

  reserve(): void {
    this.held.push(this.ports.journal.reserve(this.ports.service))
  }

  take(): Reservation {
    const room = this.held.pop()
    if (room === undefined) throw new Error('a record without room')
    return room
  }

  releaseAll(): void {
    for (const room of this.held.splice(0)) this.ports.journal.release(room)
  }
}

/** Counts a stream's messages both ways. */
const counted = (exchange: Exchange, counts: Counts): Exchange => {
  let first = false
  return {
    arrival: exchange.arrival,
    peer: exchange.peer,
    async first() {
      const incoming = await exchange.first()
      if (!first) counts.in++
      first = true
      return incoming
    },
    async next() {
      const incoming = await exchange.next()
      if (incoming !== undefined) counts.in++
      return incoming
    },
    async send(body) {
      await exchange.send(body)
      counts.out++
    },
  }
}

/** Refusals that may come without end from callers that no token speaks for; beyond the login limits, in the log of the tenant that was entered too. */
const repeatable = (call: CallState, answer: Answer): boolean => {
  if (call.subject !== undefined || answer.code === Code.OK) return false
  if (answer.reason === 'TOO_MANY_ATTEMPTS') return true
  return logTenant(call) === PLATFORM_TENANT && (!call.authorized || outcomeOf(answer) === Outcome.DENIED)
}

/**
 * Owns the access record. Room in the journal is taken before anything inside runs, so that nothing is done that can't be recorded; the record is on disk
 * before the answer leaves. A stream has two records, `opened` before its handler and `closed` before its trailers, and one per batch that it commits.
 */
export const audit: Link = {
  name: 'audit',
  wrap(method, _rpc, ports, next): Run {
    if (ports.unrecorded.has(method.name)) return next
    const { journal, service } = ports
    const buildRecord = createRecords(ports)
    const streaming = method.desc.methodKind !== 'unary'
    const batches = method.desc.methodKind === 'client_streaming' || method.desc.methodKind === 'bidi_streaming'

    const write = (
      call: CallState,
      rooms: Rooms,
      kind: RecordKind,
      tenantId: string,
      counts: Counts,
      answer?: Answer,
      events: string[] = [],
    ) => journal.append(service, rooms.take(), buildRecord(call, { kind, tenantId, answer, counts, events }))

    return async (call, exchange) => {
      const rooms = new Rooms(ports)
      const counts: Counts = { in: 0, out: 0 }
      let opened = false
      /** The tenant whose copy has its room. */
      let copied: string | undefined
      try {
        rooms.reserve()
        if (streaming) rooms.reserve()
        if (batches) rooms.reserve()
      } catch (error) {
        rooms.releaseAll()
        return answerError(asAppError(error, call), call.decisionId)
      }
      call.onAuthorized = () => {
        const acted = copyTenant(call)
        if (acted !== undefined) rooms.reserve()
        copied = acted
        if (!streaming) return undefined
        opened = true
        return write(call, rooms, RecordKind.OPENED, logTenant(call), counts)
      }
      if (batches) {
        call.onProgress = async () => {
          const happened = call.happened()
          const events = happened.slice(call.toldEvents)
          call.toldEvents = happened.length
          await write(call, rooms, RecordKind.PROGRESS, logTenant(call), counts, undefined, events)
          // Room for the next batch, before it is made.
          rooms.reserve()
        }
      }
      try {
        const answer = await next(call, streaming ? counted(exchange, counts) : exchange)
        call.finish()
        const tenantId = logTenant(call)
        const events = call.happened()
        const kind = opened ? RecordKind.CLOSED : RecordKind.CALL
        const record = () => buildRecord(call, { kind, tenantId, answer, counts, events })
        if (repeatable(call, answer)) {
          const key = [tenantId, method.name, answer.reason, call.workload.spiffeId, call.clientAddress].join('|')
          if (ports.refusals.absorb(key, record)) return answer
        }
        const copying = copied === undefined ? undefined : write(call, rooms, RecordKind.COPY, copied, counts, answer, events)
        const appending = journal.append(service, rooms.take(), record())
        await (copying === undefined ? appending : Promise.all([copying, appending]))
        return answer
      } catch (error) {
        return answerError(asAppError(error, call), call.decisionId)
      } finally {
        call.finish()
        rooms.releaseAll()
      }
    }
  },
}
