import type { ReasonName } from '../../services/platform/mesh/errors.js'

/** Kinds of caller, in the order of a row. What each is: callers.ts. */
export const COLUMNS = {
  /** Services of the mesh without a token. */
  services: ['gateway', 'identity', 'tenant', 'data', 'policy', 'audit'],
  /** Without a token too: a machine of the tenant, a service that no list names, another region's gateway, a SPIFFE id of neither kind. */
  strangers: ['machine', 'billing', 'foreign-gateway', 'nobody'],
  /** Tokens over the gateway's certificate: the tenant's own by role, another tenant's admin, a suspended tenant's admin, an operator. */
  subjects: ['admin', 'editor', 'viewer', 'auditor', 'none', 'foreign-admin', 'suspended-admin', 'operator'],
  /**
   * The admin's token elsewhere: bound and over its certificate, not bound and over a machine of its tenant, over another tenant's machine, bound and over
   * another certificate, bound and passed on by a service that may, bound and passed on by one that may not.
   */
  carried: ['bound', 'machine-own', 'machine-foreign', 'bound-mismatched', 'bound-forwarded', 'bound-billing'],
  /** The admin's token spoilt. */
  spoilt: ['expired', 'wrong-audience', 'wrong-issuer', 'wrong-type', 'unknown-key', 'tampered'],
  /** At the edge. */
  edge: ['edge-nobody', 'edge-admin', 'edge-foreign-admin', 'edge-operator', 'edge-bound', 'edge-expired'],
} as const

export type CallerKind = (typeof COLUMNS)[keyof typeof COLUMNS][number]
export const CALLER_KINDS: readonly CallerKind[] = Object.values(COLUMNS).flat()

/** `Y`: let in. `-`: the edge serves no such method. All others: refused, with that reason. */
export const REASONS: Readonly<Record<string, ReasonName>> = {
  k: 'TOKEN_MISSING',
  i: 'TOKEN_INVALID',
  x: 'TOKEN_EXPIRED',
  e: 'BOUND_TOKEN_AT_EDGE',
  b: 'BOUND_TOKEN_MISMATCH',
  t: 'WORKLOAD_TENANT_MISMATCH',
  w: 'WORKLOAD_NOT_ALLOWED',
  c: 'CALLER_NOT_ALLOWED',
  f: 'TENANT_MISMATCH',
  s: 'TENANT_SUSPENDED',
  p: 'MISSING_PERMISSION',
  o: 'NOT_OWNER',
  l: 'CLASSIFICATION_TOO_HIGH',
}

/**
 * One row: a group of codes per group of columns. After `#` another request of the same method: requests are in scenes.ts. Where nobody
 * needs a token one that is valid says nothing: it is as if it were not there. */
export const EXPECTATIONS: Readonly<Record<string, string>> = {
  //                                                             services strang. subjects carried spoilt edge
  'tenantry.identity.v1.SessionService/CreateSession': /*     */ 'YYYYYY YYYw YYYYYYYY YYYYYY xiiiii YYYYex',
  'tenantry.identity.v1.SessionService/RefreshSession': /*    */ 'YYYYYY YYww YYYYYYYY YYYYYY xiiiii YYYYex',
  'tenantry.identity.v1.SessionService/GetJwks': /*           */ 'YYYYYY YYww YYYYYYYY YYYYYY xiiiii YYYYex',
  'tenantry.identity.v1.SessionService/RevokeSession': /*     */ 'kkkkkk kkww YoooofsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.SessionService/RevokeSession#own': /* */ 'kkkkkk kkww YYYYYfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.SessionService/ListSessions': /*      */ 'kkkkkk kkww YYYYYfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.SessionService/ListSessions#other': /**/ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',

  'tenantry.identity.v1.UserService/CreateUser': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/GetUser': /*              */ 'kkkkkk kkww YYpYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/GetUser#self': /*         */ 'kkkkkk kkww YYYYYfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/ListUsers': /*            */ 'kkkkkk kkww YppYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/UpdateUser': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/DeleteUser': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/SuspendUser': /*          */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/ResumeUser': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.UserService/SetPassword': /*          */ 'kkkkkk kkww YoooofsY YYtbYb xiiiii kYfYex',

  'tenantry.identity.v1.RoleService/CreateRole': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/GetRole': /*              */ 'kkkkkk kkww YYpYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/ListRoles': /*            */ 'kkkkkk kkww YppYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/UpdateRole': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/DeleteRole': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/GrantRole': /*            */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/RevokeRole': /*           */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/ListGrants': /*           */ 'kkkkkk kkww YppYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/ListGrants#self': /*      */ 'kkkkkk kkww YYYYYfsY YYtbYb xiiiii kYfYex',
  'tenantry.identity.v1.RoleService/ListPermissions': /*      */ 'kkkkkk kkww YppYpfsY YYtbYb xiiiii kYfYex',

  'tenantry.tenant.v1.TenantService/CreateTenant': /*         */ 'kkkkkk kkww cccccccY cccccc xiiiii kccYex',
  'tenantry.tenant.v1.TenantService/GetTenant': /*            */ 'kkkkkk kkww YYYYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.tenant.v1.TenantService/ListTenants': /*          */ 'kkkkkk kkww cccccccY cccccc xiiiii kccYex',
  'tenantry.tenant.v1.TenantService/UpdateTenant': /*         */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.tenant.v1.TenantService/SuspendTenant': /*        */ 'kkkkkk kkww cccccccY cccccc xiiiii kccYex',
  'tenantry.tenant.v1.TenantService/ResumeTenant': /*         */ 'kkkkkk kkww cccccccY cccccc xiiiii kccYex',
  'tenantry.tenant.v1.OperationService/GetOperation': /*      */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.tenant.v1.OperationService/ListOperations': /*    */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.tenant.v1.OperationService/WaitOperation': /*     */ 'kkkkkk kkww YppppfsY YYtbYb xiiiii kYfYex',
  'tenantry.tenant.v1.ProgressService/ReportProgress': /*     */ 'wYYYYY wwww cccccccc cccccc xiiiii ------',

  'tenantry.tenancy.v1.TenancyService/PrepareTenant': /*      */ 'wwYwww wwww cccccccc cccccc xiiiii ------',
  'tenantry.facts.v1.FactService/Renew': /*                   */ 'YYYYYY wwww cccccccc cccccc xiiiii ------',

  'tenantry.data.v1.CollectionService/CreateCollection': /*   */ 'kkkkkk kkww Yppppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.CollectionService/GetCollection': /*      */ 'kkkkkk kkww YYYppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.CollectionService/ListCollections': /*    */ 'kkkkkk kkww YYYppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.CollectionService/UpdateCollection': /*   */ 'kkkkkk kkww Yppppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.CollectionService/DeleteCollection': /*   */ 'kkkkkk kkww Yppppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/CreateRecord': /*           */ 'kkkkkk kkww YYpppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/GetRecord': /*              */ 'kkkkkk kkww YYYppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/GetRecord#confidential': /* */ 'kkkkkk kkww Yllppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/ListRecords': /*            */ 'kkkkkk kkww YYYppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/UpdateRecord': /*           */ 'kkkkkk kkww YYpppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/UpdateRecord#confidential': /**/ 'kkkkkk kkww Ylpppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/DeleteRecord': /*           */ 'kkkkkk kkww YYpppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/DeleteRecord#confidential': /**/ 'kkkkkk kkww Ylpppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/BatchWriteRecords': /*      */ 'kkkkkk kkww YYpppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/ImportRecords': /*          */ 'kkkkkk kkww YYpppfsf YYtbYb xiiiii kYffex',
  'tenantry.data.v1.RecordService/ExportRecords': /*          */ 'kkkkkk kkww YYYppfsf YYtbYb xiiiii kYffex',

  'tenantry.policy.v1.PolicyService/Check': /*                */ 'YYYYYY kkww YYYYYfsf YYtbYb xiiiii kYffex',
  'tenantry.policy.v1.PolicyService/Check#other': /*          */ 'YYYYYY kkww YYpppfsf YYtbYb xiiiii kYffex',
  'tenantry.policy.v1.PolicyService/BatchCheck': /*           */ 'YYYYYY kkww YYpppfsf YYtbYb xiiiii kYffex',
  'tenantry.policy.v1.PolicyService/ListRevisions': /*        */ 'YYYYYY kkww cccccccY cccccc xiiiii kccYex',
  'tenantry.policy.v1.PolicyService/GetBundle': /*            */ 'YYYYYY kkww cccccccY cccccc xiiiii ------',

  'tenantry.audit.v1.AuditService/ListEvents': /*             */ 'kkkkkk kkww YppYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.audit.v1.AuditService/ListEvents#full': /*        */ 'kkkkkk kkww YppYpfsY YYtbYb xiiiii kYfYex',
  'tenantry.audit.v1.AuditService/GetEvent': /*               */ 'kkkkkk kkww YppYpfsY YYtbYb xiiiii kYfYex',

  'grpc.health.v1.Health/Check': /*                           */ 'YYYYYY YYYY YYYYYYYY YYYYYY xiiiii ------',
  'grpc.health.v1.Health/Watch': /*                           */ 'YYYYYY YYYY YYYYYYYY YYYYYY xiiiii ------',
  'grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'YYYYYY Ywww YYYYYYYY YYYYYw xiiiii ------',
  'grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'YYYYYY Ywww YYYYYYYY YYYYYw xiiiii ------',
}
