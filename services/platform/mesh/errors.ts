import { status as Code } from '@grpc/grpc-js'
import type { Reason } from '../../../proto/gen/tenantry/errors/v1/reason_pb.js'

/** Names of reasons as clients see them: the enum's without `REASON_`. */
export type ReasonName = Exclude<keyof typeof Reason, 'UNSPECIFIED'>

export interface FieldViolation {
  /** Dotted path in the request, as in `fields.email` or `records[3].record_id`. */
  field: string
  /** The rule that it breaks; never the value. */
  description: string
}

/** The gRPC code of each reason: a reason without one does not compile. */
export const CODES: Record<ReasonName, Code> = {
  INVALID_FIELD: Code.INVALID_ARGUMENT,
  MALFORMED_MESSAGE: Code.INVALID_ARGUMENT,
  INVALID_PAGE_TOKEN: Code.INVALID_ARGUMENT,
  INVALID_FILTER: Code.INVALID_ARGUMENT,
  INVALID_METADATA: Code.INVALID_ARGUMENT,
  INVALID_ORDER: Code.INVALID_ARGUMENT,
  PATH_CHANGED_IN_STREAM: Code.INVALID_ARGUMENT,
  MESSAGE_TOO_LARGE: Code.RESOURCE_EXHAUSTED,
  UNKNOWN_METHOD: Code.UNIMPLEMENTED,
  TOKEN_MISSING: Code.UNAUTHENTICATED,
  TOKEN_INVALID: Code.UNAUTHENTICATED,
  TOKEN_EXPIRED: Code.UNAUTHENTICATED,
  BOUND_TOKEN_AT_EDGE: Code.UNAUTHENTICATED,
  CREDENTIALS_REJECTED: Code.UNAUTHENTICATED,
  SESSION_REVOKED: Code.UNAUTHENTICATED,
  REFRESH_TOKEN_REUSED: Code.UNAUTHENTICATED,
  BOUND_TOKEN_MISMATCH: Code.UNAUTHENTICATED,
  DENIED_BY_DEFAULT: Code.PERMISSION_DENIED,
  TENANT_MISMATCH: Code.PERMISSION_DENIED,
  TENANT_SUSPENDED: Code.PERMISSION_DENIED,
  SUBJECT_SUSPENDED: Code.PERMISSION_DENIED,
  MISSING_PERMISSION: Code.PERMISSION_DENIED,
  WORKLOAD_NOT_ALLOWED: Code.PERMISSION_DENIED,
  CALLER_NOT_ALLOWED: Code.PERMISSION_DENIED,
  CLASSIFICATION_TOO_HIGH: Code.PERMISSION_DENIED,
  NOT_OWNER: Code.PERMISSION_DENIED,
  WORKLOAD_TENANT_MISMATCH: Code.PERMISSION_DENIED,
  TOKEN_NOT_FORWARDABLE: Code.PERMISSION_DENIED,
  POLICY_ERROR: Code.PERMISSION_DENIED,
  STEP_UP_REQUIRED: Code.PERMISSION_DENIED,
  TENANT_UNKNOWN: Code.PERMISSION_DENIED,
  PROTECTED_TENANT: Code.FAILED_PRECONDITION,
  NOT_FOUND: Code.NOT_FOUND,
  ALREADY_EXISTS: Code.ALREADY_EXISTS,
  ETAG_MISMATCH: Code.ABORTED,
  REQUEST_ID_REUSED: Code.ALREADY_EXISTS,
  CONFLICT: Code.ABORTED,
  WRONG_REGION: Code.FAILED_PRECONDITION,
  IN_USE: Code.FAILED_PRECONDITION,
  TENANT_NOT_READY: Code.FAILED_PRECONDITION,
  IMMUTABLE: Code.FAILED_PRECONDITION,
  LIMIT_EXCEEDED: Code.RESOURCE_EXHAUSTED,
  RATE_LIMITED: Code.RESOURCE_EXHAUSTED,
  TOO_MANY_ATTEMPTS: Code.RESOURCE_EXHAUSTED,
  JOURNAL_UNAVAILABLE: Code.UNAVAILABLE,
  OUTCOME_UNKNOWN: Code.UNAVAILABLE,
  FACTS_STALE: Code.UNAVAILABLE,
  DATABASE_UNAVAILABLE: Code.UNAVAILABLE,
  POLICY_UNAVAILABLE: Code.UNAVAILABLE,
  KEYS_UNAVAILABLE: Code.UNAVAILABLE,
  SHUTTING_DOWN: Code.UNAVAILABLE,
  DEADLINE_EXCEEDED: Code.DEADLINE_EXCEEDED,
  CANCELLED: Code.CANCELLED,
  INTERNAL: Code.INTERNAL,
  UPSTREAM_UNAVAILABLE: Code.UNAVAILABLE,
}

export interface AppErrorOptions {
  /** Public metadata of ErrorInfo: enumerations and ids that the caller already knows. */
  metadata?: Record<string, string>
  violations?: FieldViolation[]
  /** Private: goes to the log and the span only, never to a client. */
  cause?: unknown
}

/** The one error of the platform: a reason, a public message, and a private cause. Anything else that is thrown becomes INTERNAL. */
export class AppError extends Error {
  readonly reason: ReasonName
  readonly metadata: Record<string, string>
  readonly violations: FieldViolation[]

  constructor(reason: ReasonName, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = 'AppError'
    this.reason = reason
    this.metadata = options.metadata ?? {}
    this.violations = options.violations ?? []
  }

  get code(): Code {
    return CODES[this.reason]
  }
}

/** INVALID_ARGUMENT for one field. */
export const invalidField = (field: string, description: string): AppError =>
  new AppError('INVALID_FIELD', `${field}: ${description}`, { violations: [{ field, description }] })

/** The answer for what is absent and for what belongs to another tenant alike. */
export const notFound = (what: string): AppError => new AppError('NOT_FOUND', `${what} not found`)
