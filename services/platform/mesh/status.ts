import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt'
import { status as Code } from '@grpc/grpc-js'
import { BadRequestSchema, ErrorInfoSchema } from '../../../proto/gen/google/rpc/error_details_pb.js'
import { StatusSchema } from '../../../proto/gen/google/rpc/status_pb.js'
import type { FieldViolation, ReasonName } from './errors.js'
import { AppError, CODES } from './errors.js'

/** How a call ends: what goes into its trailers, and the one message of a unary answer. */
export interface Answer {
  readonly code: Code
  readonly message: string
  readonly reason: ReasonName | undefined
  /** google.rpc.Status, for `grpc-status-details-bin`. */
  readonly details: Buffer | undefined
  readonly body: Buffer | undefined
}

export const DOMAIN = 'tenantry'
export const INTERNAL_MESSAGE = 'internal error'

export const answerOk = (body: Buffer | undefined): Answer => ({ code: Code.OK, message: '', reason: undefined, details: undefined, body })

/** `encodeURI`, which grpc-js uses for grpc-message, throws on lone surrogates. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd').slice(0, 1_024)

/** An error as it leaves: google.rpc.Status with ErrorInfo and, for bad input, BadRequest. Its cause stays here. A denial names its decision. */
export const answerError = (error: AppError, decisionId: Uint8Array): Answer => {
  const denied = error.code === Code.PERMISSION_DENIED || error.code === Code.UNAUTHENTICATED
  const metadata = denied ? { ...error.metadata, decision_id: Buffer.from(decisionId).toString('hex') } : error.metadata
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: error.reason, domain: DOMAIN, metadata }))]
  if (error.violations.length > 0) {
    const fieldViolations = error.violations.map(({ field, description }) => ({
      field: wellFormed(field),
      description: wellFormed(description),
    }))
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })))
  }
  const message = wellFormed(error.reason === 'INTERNAL' ? INTERNAL_MESSAGE : error.message)
  const status = toBinary(StatusSchema, create(StatusSchema, { code: error.code, message, details }))
  return {
    code: error.code,
    message,
    reason: error.reason,
    details: Buffer.from(status.buffer, status.byteOffset, status.byteLength),
    body: undefined,
  }
}

/** What a client makes of a code without our details. */
const FALLBACK: Partial<Record<Code, ReasonName>> = {
  [Code.CANCELLED]: 'CANCELLED',
  [Code.INVALID_ARGUMENT]: 'INVALID_FIELD',
  [Code.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [Code.NOT_FOUND]: 'NOT_FOUND',
  [Code.ALREADY_EXISTS]: 'ALREADY_EXISTS',
  [Code.PERMISSION_DENIED]: 'DENIED_BY_DEFAULT',
  [Code.RESOURCE_EXHAUSTED]: 'MESSAGE_TOO_LARGE',
  [Code.ABORTED]: 'CONFLICT',
  [Code.UNIMPLEMENTED]: 'UNKNOWN_METHOD',
  [Code.UNAVAILABLE]: 'UPSTREAM_UNAVAILABLE',
  [Code.UNAUTHENTICATED]: 'TOKEN_INVALID',
}

/** The error that a peer sent, as our own: reason, metadata and violations from its details, if they are ours. */
export const errorOf = (code: Code, message: string, details: Uint8Array | undefined): AppError => {
  let reason = FALLBACK[code] ?? 'INTERNAL'
  let text = message
  let metadata: Record<string, string> = {}
  let violations: FieldViolation[] = []
  try {
    const status = details === undefined ? undefined : fromBinary(StatusSchema, details)
    // Exact, while grpc-message is percent-encoded by rules that not all follow alike.
    if (status !== undefined && status.message !== '') text = status.message
    for (const any of status?.details ?? []) {
      const info = anyUnpack(any, ErrorInfoSchema)
      if (info !== undefined && info.domain === DOMAIN && Object.hasOwn(CODES, info.reason)) {
        reason = info.reason as ReasonName
        metadata = info.metadata
      }
      violations = anyUnpack(any, BadRequestSchema)?.fieldViolations.map(({ field, description }) => ({ field, description })) ?? violations
    }
  } catch {
    // Details that can't be read are as good as none.
  }
  return new AppError(reason, text, { metadata, violations })
}
