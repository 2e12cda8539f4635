import { createRegistry } from '@bufbuild/protobuf'
import { Command, CommanderError } from 'commander'
import { file_tenantry_audit_v1_audit } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { file_tenantry_data_v1_record } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { file_tenantry_identity_v1_role } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { file_tenantry_identity_v1_session } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { file_tenantry_identity_v1_user } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { file_tenantry_tenant_v1_tenant } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { auditCommand } from './commands/audit.js'
import { certCommand } from './commands/cert.js'
import { collectionCommand } from './commands/collection.js'
import { demoCommand } from './commands/demo.js'
import { doctorCommand } from './commands/doctor.js'
import { loginCommand } from './commands/login.js'
import { recordCommand } from './commands/record.js'
import { roleCommand } from './commands/role.js'
import { tenantCommand } from './commands/tenant.js'
import { userCommand } from './commands/user.js'
import type { Context, OpenEdge } from './context.js'
import { createContext } from './context.js'
import { createOutput } from './output.js'
import { configDirectory, openProfile } from './profile.js'
import { report } from './report.js'

export interface CliDeps {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  readonly openEdge: OpenEdge
  /** Folder of the real data that `demo` imports. */
  readonly data: URL
}

const registry = createRegistry(
  file_tenantry_audit_v1_audit,
  file_tenantry_data_v1_record,
  file_tenantry_identity_v1_role,
  file_tenantry_identity_v1_session,
  file_tenantry_identity_v1_user,
  file_tenantry_tenant_v1_tenant,
)

/** Runs one command line; resolves with its exit code: 0 done, 1 refused or failed, 2 called wrongly. */
export const runCli = async (args: readonly string[], deps: CliDeps): Promise<number> => {
  const program = new Command('tenantry')
    .description('the command line of the platform')
    .option('--json', 'JSON lines for programs')
    .option('--profile <name>', 'which login to use', deps.env['TENANTRY_PROFILE'] ?? 'default')
    .exitOverride()
    .configureOutput({ writeOut: deps.stdout, writeErr: deps.stderr })
  let opened: Context | undefined
  const context = (): Context => {
    const { json = false, profile } = program.opts<{ json?: boolean; profile: string }>()
    opened ??= createContext(createOutput(json, deps.stdout, registry), openProfile(configDirectory(deps.env), profile), deps.openEdge)
    return opened
  }
  const stateDirectory = deps.env['TENANTRY_STATE_DIR'] ?? '.tenantry'
  loginCommand(program, context, stateDirectory)
  tenantCommand(program, context)
  userCommand(program, context)
  roleCommand(program, context)
  collectionCommand(program, context)
  recordCommand(program, context)
  auditCommand(program, context)
  certCommand(program, context, {
    stateDirectory,
    trustDomain: deps.env['TENANTRY_TRUST_DOMAIN'] ?? 'tenantry.local',
    region: deps.env['TENANTRY_REGION'] ?? 'local',
  })
  doctorCommand(program, context, stateDirectory)
  demoCommand(program, context, stateDirectory, deps.data)
  inheritSettings(program)
  try {
    await program.parseAsync(liftJson(args), { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { exitCode, text, json } = report(error)
    deps.stderr(`${program.opts<{ json?: boolean }>().json ? JSON.stringify(json) : `tenantry: ${text}`}\n`)
    return exitCode
  } finally {
    opened?.close()
  }
}

/** `--json` may stand anywhere, so it is moved to the front: `tenantry audit list --json`. */
const liftJson = (args: readonly string[]): string[] => {
  const end = args.indexOf('--')
  const before = end < 0 ? args : args.slice(0, end)
  const rest = end < 0 ? [] : args.slice(end)
  return before.includes('--json') ? ['--json', ...before.filter((arg) => arg !== '--json'), ...rest] : [...args]
}

/** Subcommands throw instead of exiting, and write where the program does. */
const inheritSettings = (command: Command): void => {
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    inheritSettings(child)
  }
}
