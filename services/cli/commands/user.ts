import type { Command } from 'commander'
import type { User } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import { UserSchema, UserService, UserStatus } from '../../../proto/gen/tenantry/identity/v1/user_pb.js'
import type { Context } from '../context.js'
import { pages } from '../pages.js'
import { readSecret } from '../read-secret.js'

const status = (user: User): string => UserStatus[user.status]!.toLowerCase()

const row = (user: User): Record<string, string> => ({ id: user.userId, email: user.email, name: user.displayName, status: status(user) })

export const userCommand = (program: Command, context: () => Context): void => {
  const command = program.command('user').description('the people of a tenant')
  const client = () => context().session().edge.client(UserService)

  command
    .command('create <email>')
    .description('add a user')
    .option('--tenant <tenant>', 'id or slug, for operators')
    .option('--name <name>', 'display name', '')
    .option('--password-file <file>', 'file with the password; - is standard input')
    .action(async (email: string, options: { tenant?: string; name: string; passwordFile?: string }) => {
      const { out, tenant } = context()
      const password = options.passwordFile === undefined ? '' : await readSecret('Password: ', options.passwordFile)
      const { user } = await client().createUser({ tenantId: await tenant(options.tenant), email, displayName: options.name, password })
      out.message(UserSchema, user!, `user ${user!.userId}`)
    })

  command
    .command('list')
    .option('--tenant <tenant>', 'id or slug, for operators')
    .option('--filter <filter>', 'as in: status = "suspended"', '')
    .action(async (options: { tenant?: string; filter: string }) => {
      const { out, tenant } = context()
      const tenantId = await tenant(options.tenant)
      const rows = []
      for await (const { users } of pages((pageToken) =>
        client().listUsers({ tenantId, filter: options.filter, pageToken, pageSize: 200 }),
      )) {
        for (const user of users) {
          if (out.json) out.message(UserSchema, user, '')
          else rows.push(row(user))
        }
      }
      out.table(rows)
    })

  const one = (name: string, description: string, run: (tenantId: string, userId: string) => Promise<User | undefined>): void => {
    command
      .command(`${name} <user>`)
      .description(description)
      .option('--tenant <tenant>', 'id or slug, for operators')
      .action(async (userId: string, options: { tenant?: string }) => {
        const { out, tenant } = context()
        const user = await run(await tenant(options.tenant), userId)
        if (user) out.message(UserSchema, user, `${user.userId}  ${user.email}  ${status(user)}`)
        else out.object({ user_id: userId, deleted: true }, `${userId} deleted`)
      })
  }
  one('get', 'one user', async (tenantId, userId) => (await client().getUser({ tenantId, userId })).user)
  one('suspend', 'refuse the user everywhere', async (tenantId, userId) => (await client().suspendUser({ tenantId, userId })).user)
  one('resume', 'let the user in again', async (tenantId, userId) => (await client().resumeUser({ tenantId, userId })).user)
  one('delete', 'remove the user, with credentials, grants and sessions', async (tenantId, userId) => {
    await client().deleteUser({ tenantId, userId })
    return undefined
  })

  command
    .command('set-password <user>')
    .description("set a password; one's own needs the current one")
    .option('--tenant <tenant>', 'id or slug, for operators')
    .option('--password-file <file>', 'file with the new password; - is standard input')
    .option('--current-password-file <file>', 'file with the current password')
    .action(async (userId: string, options: { tenant?: string; passwordFile?: string; currentPasswordFile?: string }) => {
      const { out, tenant, session } = context()
      const own = session().profile.userId === userId
      const currentPassword = own ? await readSecret('Current password: ', options.currentPasswordFile) : ''
      const newPassword = await readSecret('New password: ', options.passwordFile)
      await client().setPassword({ tenantId: await tenant(options.tenant), userId, currentPassword, newPassword })
      out.object({ user_id: userId, password_set: true }, 'password set')
    })
}
