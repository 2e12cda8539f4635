import type { DescService } from '@bufbuild/protobuf'
import { AuditService } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { SessionService } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { PolicyService } from '../../proto/gen/tenantry/policy/v1/policy_pb.js'
import { OperationService } from '../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { TenantService } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'

/** Services whose methods' actions can be asked about. */
export const EDGE_ACTIONS: readonly DescService[] = [
  SessionService,
  UserService,
  RoleService,
  TenantService,
  OperationService,
  CollectionService,
  RecordService,
  PolicyService,
  AuditService,
]
