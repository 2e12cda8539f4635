import { readFileSync } from 'node:fs'
import { timestampMs } from '@bufbuild/protobuf/wkt'
import type { Command } from 'commander'
import { SessionService } from '../../../proto/gen/tenantry/identity/v1/session_pb.js'
import type { Context } from '../context.js'
import { readSecret } from '../read-secret.js'
import { UsageError } from '../usage-error.js'

interface Options {
  gateway?: string
  ca?: string
  slug?: string
  email?: string
  passwordFile?: string
  operator?: string | true
}

interface OperatorFile {
  gateway: string
  slug: string
  email: string
  password: string
  ca?: string
}

export const loginCommand = (program: Command, context: () => Context, stateDirectory: string): void => {
  program
    .command('login')
    .description('begin a session and keep it in the profile')
    .option('--gateway <url>', 'origin of the gateway (default https://localhost:8443)')
    .option('--ca <file>', `PEM of the CA to trust (default ${stateDirectory}/ca.pem, if it is there)`)
    .option('--slug <slug>', 'slug of the tenant')
    .option('--email <email>', 'address of the user')
    .option('--password-file <file>', 'file with the password; - is standard input')
    .option('--operator [file]', `credential of the first operator (default ${stateDirectory}/operator.json)`)
    .action(async (options: Options) => {
      const { out, profiles, openEdge } = context()
      const file =
        options.operator === undefined
          ? undefined
          : readOperator(options.operator === true ? `${stateDirectory}/operator.json` : options.operator)
      const gateway = options.gateway ?? file?.gateway ?? 'https://localhost:8443'
      const slug = options.slug ?? file?.slug
      const email = options.email ?? file?.email
      if (slug === undefined) throw new UsageError('--slug is required')
      if (email === undefined) throw new UsageError('--email is required')
      const ca = readCa(options.ca, file?.ca ?? `${stateDirectory}/ca.pem`)
      const password = file?.password ?? (await readSecret('Password: ', options.passwordFile))
      const edge = openEdge(gateway, ca, () => Promise.resolve(undefined))
      try {
        const { session, tokens } = await edge.client(SessionService).createSession({ slug, email, password })
        profiles.write({
          gateway,
          ...(ca === undefined ? {} : { ca }),
          tenantId: session!.tenantId,
          slug,
          userId: session!.userId,
          sessionId: session!.sessionId,
          accessToken: tokens!.accessToken,
          accessTokenExpires: timestampMs(tokens!.accessTokenExpireTime!),
          refreshToken: tokens!.refreshToken,
        })
        out.object(
          { tenant_id: session!.tenantId, user_id: session!.userId, session_id: session!.sessionId, profile: profiles.path },
          `logged in to ${slug} (${session!.tenantId}) as ${session!.userId}`,
        )
      } finally {
        edge.close()
      }
    })

  program
    .command('logout')
    .description('end the session and forget it')
    .action(async () => {
      const { out, profiles, session } = context()
      const { edge, profile } = session()
      try {
        await edge.client(SessionService).revokeSession({ tenantId: profile.tenantId, sessionId: profile.sessionId })
      } finally {
        profiles.remove()
      }
      out.object({ session_id: profile.sessionId, revoked: true }, 'logged out')
    })

  program
    .command('token')
    .description('print the access token, renewed if it is about to end: for curl and grpcurl')
    .action(async () => {
      const { out, session, profiles } = context()
      const { edge, profile } = session()
      // A listing of one's own sessions renews the token on its way, and fails if the session is gone.
      await edge.client(SessionService).listSessions({ tenantId: profile.tenantId, pageSize: 1 })
      const token = profiles.read()!.accessToken
      out.object({ access_token: token, tenant_id: profile.tenantId, user_id: profile.userId }, token)
    })
}

const readOperator = (path: string): OperatorFile => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as OperatorFile
  } catch (error) {
    throw new UsageError(`--operator: ${path} cannot be read: ${(error as Error).message}`)
  }
}

const readCa = (named: string | undefined, fallback: string): string | undefined => {
  try {
    return readFileSync(named ?? fallback, 'utf8')
  } catch (error) {
    if (named === undefined) return undefined
    throw new UsageError(`--ca: ${named} cannot be read: ${(error as Error).message}`)
  }
}
