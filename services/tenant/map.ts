import { create } from '@bufbuild/protobuf'
import { anyPack, timestampFromDate } from '@bufbuild/protobuf/wkt'
import { status as Code } from '@grpc/grpc-js'
import type { Operation } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { OperationSchema } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import type { Tenant } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { Placement, TenantSchema, TenantStatus, Tier } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { ReasonName } from '../platform/mesh/errors.js'
import { AppError, CODES } from '../platform/mesh/errors.js'
import type { OperationRow, TenantRow } from './store/rows.js'

const STATUS = { provisioning: TenantStatus.PROVISIONING, active: TenantStatus.ACTIVE, suspended: TenantStatus.SUSPENDED } as const
const TIER = { standard: Tier.STANDARD, premium: Tier.PREMIUM } as const
const PLACEMENT = { pool: Placement.POOL, schema: Placement.SCHEMA } as const

/** A row as clients see it; the etag is its version. */
export const toTenant = (row: TenantRow): Tenant =>
  create(TenantSchema, {
    tenantId: row.tenant_id,
    slug: row.slug,
    displayName: row.display_name,
    status: STATUS[row.status],
    tier: TIER[row.tier],
    placement: PLACEMENT[row.placement],
    region: row.region,
    createTime: timestampFromDate(row.create_time),
    updateTime: timestampFromDate(row.update_time),
    etag: row.version,
  })

/** A row as clients see it: with the error that ended it, or the tenant that it made. */
export const toOperation = (row: OperationRow, tenant?: TenantRow): Operation =>
  create(OperationSchema, {
    operationId: row.operation_id,
    tenantId: row.tenant_id,
    type: row.type,
    target: row.target,
    done: row.done,
    steps: row.steps.map((step) => ({ name: step.name, done: step.done, percent: step.percent })),
    createTime: timestampFromDate(row.create_time),
    updateTime: timestampFromDate(row.update_time),
    result: resultOf(row, tenant),
  })

const resultOf = (row: OperationRow, tenant: TenantRow | undefined): Operation['result'] => {
  if (!row.done) return { case: undefined }
  if (row.error_reason !== null) {
    const code = CODES[row.error_reason as ReasonName] ?? Code.INTERNAL
    return { case: 'error', value: { $typeName: 'google.rpc.Status', code, message: row.error_message ?? row.error_reason, details: [] } }
  }
  return tenant ? { case: 'response', value: anyPack(TenantSchema, toTenant(tenant)) } : { case: undefined }
}

/** The version that an etag names: absent, any. One that never was an etag is as stale as one that is old. */
export const versionOf = (etag: string, current: TenantRow): bigint => {
  if (etag !== '' && etag !== current.version) throw new AppError('ETAG_MISMATCH', 'etag: the tenant has changed since')
  return BigInt(current.version)
}

/** Resource name. */
export const tenantName = (tenantId: string): string => `tenants/${tenantId}`
