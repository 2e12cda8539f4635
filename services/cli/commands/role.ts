import type { Command } from 'commander'
import type { Role } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import { GrantSchema, PermissionSchema, RoleSchema, RoleService } from '../../../proto/gen/tenantry/identity/v1/role_pb.js'
import type { Context } from '../context.js'
import { pages } from '../pages.js'
import { UsageError } from '../usage-error.js'

const collect = (value: string, before: string[]): string[] => [...before, value]

export const roleCommand = (program: Command, context: () => Context): void => {
  const command = program.command('role').description('roles, and who holds them')
  const client = () => context().session().edge.client(RoleService)
  const tenantOption = ['--tenant <tenant>', 'id or slug, for operators'] as const

  /** A role by id, or by its name in the tenant. */
  const roleId = async (tenantId: string, named: string): Promise<string> => {
    if (named.startsWith('rol_')) return named
    for await (const { roles } of pages((pageToken) => client().listRoles({ tenantId, pageToken, pageSize: 200 }))) {
      const found = roles.find((role) => role.name === named)
      if (found) return found.roleId
    }
    throw new UsageError(`no role is named ${JSON.stringify(named)}`)
  }

  command
    .command('create <name>')
    .option(...tenantOption)
    .option('--action <action>', 'an action it gives, as in data.record.read or data.record.*; repeatable', collect, [])
    .option('--description <text>', 'what it is for', '')
    .action(async (name: string, options: { tenant?: string; action: string[]; description: string }) => {
      const { out, tenant } = context()
      const { role } = await client().createRole({
        tenantId: await tenant(options.tenant),
        name,
        description: options.description,
        actions: options.action,
      })
      out.message(RoleSchema, role!, `role ${name} ${role!.roleId}`)
    })

  command
    .command('list')
    .option(...tenantOption)
    .action(async (options: { tenant?: string }) => {
      const { out, tenant } = context()
      const tenantId = await tenant(options.tenant)
      const rows = []
      for await (const { roles } of pages((pageToken) => client().listRoles({ tenantId, pageToken, pageSize: 200 }))) {
        for (const role of roles) {
          if (out.json) out.message(RoleSchema, role, '')
          else rows.push(row(role))
        }
      }
      out.table(rows)
    })

  command
    .command('delete <role>')
    .option(...tenantOption)
    .action(async (named: string, options: { tenant?: string }) => {
      const { out, tenant } = context()
      const tenantId = await tenant(options.tenant)
      const id = await roleId(tenantId, named)
      await client().deleteRole({ tenantId, roleId: id })
      out.object({ role_id: id, deleted: true }, `${id} deleted`)
    })

  command
    .command('grant <role> <user>')
    .description('give a user a role, in the whole tenant or one collection')
    .option(...tenantOption)
    .option('--collection <id>', 'limit it to a collection', '')
    .action(async (named: string, subjectId: string, options: { tenant?: string; collection: string }) => {
      const { out, tenant } = context()
      const tenantId = await tenant(options.tenant)
      const { grant } = await client().grantRole({
        tenantId,
        roleId: await roleId(tenantId, named),
        subjectId,
        collectionId: options.collection,
      })
      out.message(GrantSchema, grant!, `${named} granted to ${subjectId}`)
    })

  command
    .command('revoke <role> <user>')
    .option(...tenantOption)
    .option('--collection <id>', 'the collection that it was limited to', '')
    .action(async (named: string, subjectId: string, options: { tenant?: string; collection: string }) => {
      const { out, tenant } = context()
      const tenantId = await tenant(options.tenant)
      await client().revokeRole({ tenantId, roleId: await roleId(tenantId, named), subjectId, collectionId: options.collection })
      out.object({ subject_id: subjectId, revoked: true }, `${named} revoked from ${subjectId}`)
    })

  command
    .command('grants')
    .description('who holds what')
    .option(...tenantOption)
    .option('--user <id>', 'only of this user', '')
    .action(async (options: { tenant?: string; user: string }) => {
      const { out, tenant } = context()
      const tenantId = await tenant(options.tenant)
      const rows = []
      for await (const { grants } of pages((pageToken) =>
        client().listGrants({ tenantId, subjectId: options.user, pageToken, pageSize: 200 }),
      )) {
        for (const grant of grants) {
          if (out.json) out.message(GrantSchema, grant, '')
          else rows.push({ role: grant.roleId, user: grant.subjectId, collection: grant.collectionId || '(all)' })
        }
      }
      out.table(rows)
    })

  command
    .command('permissions')
    .description('every action that a role can give')
    .option(...tenantOption)
    .action(async (options: { tenant?: string }) => {
      const { out, tenant } = context()
      const { permissions } = await client().listPermissions({ tenantId: await tenant(options.tenant) })
      for (const permission of permissions) if (out.json) out.message(PermissionSchema, permission, '')
      out.table(permissions.map(({ action, methods }) => ({ action, methods: methods.join(' ') })))
    })
}

const row = (role: Role): Record<string, string> => ({
  id: role.roleId,
  name: role.name,
  'built-in': role.builtIn ? 'yes' : '',
  actions: role.actions.join(' '),
})
