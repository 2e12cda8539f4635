import type { DescFile, DescMethod, DescService } from '@bufbuild/protobuf'
import { getOption } from '@bufbuild/protobuf'
import { file_tenantry_audit_v1_audit } from '../proto/gen/tenantry/audit/v1/audit_pb.js'
import type { MethodAuthorization } from '../proto/gen/tenantry/authz/v1/method_pb.js'
import { Exposure, method as authorization } from '../proto/gen/tenantry/authz/v1/method_pb.js'
import { file_tenantry_data_v1_collection } from '../proto/gen/tenantry/data/v1/collection_pb.js'
import { file_tenantry_data_v1_record } from '../proto/gen/tenantry/data/v1/record_pb.js'
import { file_tenantry_facts_v1_facts } from '../proto/gen/tenantry/facts/v1/facts_pb.js'
import { file_tenantry_identity_v1_role } from '../proto/gen/tenantry/identity/v1/role_pb.js'
import { file_tenantry_identity_v1_session } from '../proto/gen/tenantry/identity/v1/session_pb.js'
import { file_tenantry_identity_v1_user } from '../proto/gen/tenantry/identity/v1/user_pb.js'
import { file_tenantry_policy_v1_policy } from '../proto/gen/tenantry/policy/v1/policy_pb.js'
import { file_tenantry_tenancy_v1_tenancy } from '../proto/gen/tenantry/tenancy/v1/tenancy_pb.js'
import { file_tenantry_tenant_v1_operation } from '../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { file_tenantry_tenant_v1_tenant } from '../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { ServiceName } from '../services/platform/mesh/call.js'

/** Files with services; a test compares them with what lies in proto/. */
export const FILES: readonly DescFile[] = [
  file_tenantry_audit_v1_audit,
  file_tenantry_data_v1_collection,
  file_tenantry_data_v1_record,
  file_tenantry_facts_v1_facts,
  file_tenantry_identity_v1_role,
  file_tenantry_identity_v1_session,
  file_tenantry_identity_v1_user,
  file_tenantry_policy_v1_policy,
  file_tenantry_tenancy_v1_tenancy,
  file_tenantry_tenant_v1_operation,
  file_tenantry_tenant_v1_tenant,
]

export const SERVICES: readonly DescService[] = FILES.flatMap(({ services }) => services)
export const METHODS: readonly DescMethod[] = SERVICES.flatMap(({ methods }) => methods)

export type MeshService = Exclude<ServiceName, 'gateway'>

/** What several services serve; all else is served by the service that its package names. */
const SHARED: Readonly<Record<string, readonly MeshService[]>> = {
  'tenantry.facts.v1.FactService': ['identity', 'tenant'],
  'tenantry.tenancy.v1.TenancyService': ['identity', 'data', 'audit'],
}

/** Services of the mesh that serve a contract. */
export const serversOf = ({ typeName }: DescService): readonly MeshService[] => SHARED[typeName] ?? [typeName.split('.')[1] as MeshService]

export const nameOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`
export const optionOf = (method: DescMethod): MethodAuthorization => getOption(method, authorization)
export const EDGE_METHODS = METHODS.filter((method) => optionOf(method).exposure === Exposure.EDGE)
