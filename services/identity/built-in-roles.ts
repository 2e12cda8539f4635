/** Roles that every tenant has from its beginning, immutable. In the platform tenant `admin` makes an operator. */
export const BUILT_IN_ROLES = [
  { name: 'admin', description: 'Everything in the tenant.', actions: ['*'] },
  {
    name: 'editor',
    description: 'Reads and writes records.',
    actions: [
      'data.collection.read',
      'data.collection.list',
      'data.record.*',
      'tenant.tenant.read',
      'identity.user.read',
      'identity.role.read',
      'policy.decision.check',
    ],
  },
  {
    name: 'viewer',
    description: 'Reads records.',
    actions: [
      'data.collection.read',
      'data.collection.list',
      'data.record.read',
      'data.record.list',
      'data.record.export',
      'tenant.tenant.read',
    ],
  },
  {
    name: 'auditor',
    description: 'Reads the audit trail, and who may do what.',
    actions: [
      'audit.*',
      'identity.user.read',
      'identity.user.list',
      'identity.role.read',
      'identity.role.list',
      'identity.role.list_grants',
      'identity.role.list_permissions',
      'tenant.tenant.read',
    ],
  },
] as const
