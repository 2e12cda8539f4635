import { AuditService } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { PolicyService } from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { OperationService } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { TenantService } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { invalidField } from '../platform/mesh/errors.js'
import { permissions } from '../platform/policy/method-options.js'

/** The contracts that subjects and operators call; a test holds this list against all that there are. */
export const CONTRACTS = [
  AuditService,
  CollectionService,
  OperationService,
  PolicyService,
  RecordService,
  RoleService,
  SessionService,
  TenantService,
  UserService,
]

/** What a role can be made of, sorted. */
export const PERMISSIONS = permissions(CONTRACTS)

/** Refuses actions that no permission has: a misspelt one would give nothing, and nobody would know. A pattern must match one at least. */
export const checkActions = (actions: readonly string[]): void => {
  const isKnown = (action: string): boolean =>
    action === '*' ||
    PERMISSIONS.some((known) => (action.endsWith('.*') ? known.action.startsWith(action.slice(0, -1)) : known.action === action))
  const unknown = actions.findIndex((action) => !isKnown(action))
  if (unknown >= 0) throw invalidField(`actions[${unknown}]`, 'must be a permission as ListPermissions names it, or a pattern of some')
}
