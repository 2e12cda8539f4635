import type { RoleService as Contract } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { Rpc } from '../../platform/mesh/rpc.js'
import { PERMISSIONS } from '../known-permissions.js'

/** Every permission of the platform, the same for all tenants. */
export const listPermissions = (): Rpc<typeof Contract.method.listPermissions> => () =>
  Promise.resolve({ permissions: PERMISSIONS.map(({ action, methods }) => ({ action, methods: [...methods] })) })
