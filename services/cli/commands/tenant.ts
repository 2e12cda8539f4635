import type { Command } from 'commander'
import type { Operation } from '../../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import { OperationService } from '../../../proto/gen/tenantry/tenant/v1/operation_pb.js'
import type { Tenant } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import { Placement, TenantSchema, TenantService, TenantStatus, Tier } from '../../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { Context, Edge } from '../context.js'
import { pages } from '../pages.js'
import { steps } from '../progress.js'
import { CommandFailed } from '../report.js'
import { choice } from '../choice.js'

const lower = (name: string | undefined): string => (name ?? 'unspecified').toLowerCase()

const row = (tenant: Tenant): Record<string, string> => ({
  id: tenant.tenantId,
  slug: tenant.slug,
  name: tenant.displayName,
  status: lower(TenantStatus[tenant.status]),
  tier: lower(Tier[tenant.tier]),
  placement: lower(Placement[tenant.placement]),
  region: tenant.region,
})

export const tenantCommand = (program: Command, context: () => Context): void => {
  const command = program.command('tenant').description('tenants and their lifecycle (operators)')

  command
    .command('create <slug>')
    .description('provision a tenant and wait for it')
    .option('--name <name>', 'display name (default: the slug)')
    .option('--tier <tier>', 'standard or premium', choice('tier', ['standard', 'premium']), 'standard')
    .option('--request-id <uuid>', 'repeating it answers as the first time')
    .action(async (slug: string, options: { name?: string; tier: string; requestId?: string }) => {
      const { out, session } = context()
      const { edge } = session()
      const created = await edge.client(TenantService).createTenant({
        slug,
        displayName: options.name ?? slug,
        tier: options.tier === 'premium' ? Tier.PREMIUM : Tier.STANDARD,
        requestId: options.requestId ?? '',
      })
      await waitFor(edge, created.operation!, out.json)
      const { tenant } = await edge.client(TenantService).getTenant({ tenantId: created.tenantId })
      out.message(TenantSchema, tenant!, `tenant ${slug} is ${lower(TenantStatus[tenant!.status])}: ${tenant!.tenantId}`)
    })

  command
    .command('list')
    .description('all tenants of the region')
    .option('--filter <filter>', 'as in: status = "suspended"', '')
    .action(async ({ filter }: { filter: string }) => {
      const { out, session } = context()
      const client = session().edge.client(TenantService)
      const rows = []
      for await (const { tenants } of pages((pageToken) => client.listTenants({ filter, pageToken, pageSize: 200 }))) {
        for (const tenant of tenants) {
          if (out.json) out.message(TenantSchema, tenant, '')
          else rows.push(row(tenant))
        }
      }
      out.table(rows)
    })

  const one = (name: string, description: string, run: (edge: Edge, tenantId: string) => Promise<Tenant>): void => {
    command
      .command(`${name} <tenant>`)
      .description(description)
      .action(async (named: string) => {
        const { out, session, tenant } = context()
        const found = await run(session().edge, await tenant(named))
        out.message(TenantSchema, found, `${found.slug}: ${lower(TenantStatus[found.status])}`)
      })
  }
  one('get', 'one tenant, by id or slug', async (edge, tenantId) => (await edge.client(TenantService).getTenant({ tenantId })).tenant!)
  one(
    'suspend',
    'refuse every call for it',
    async (edge, tenantId) => (await edge.client(TenantService).suspendTenant({ tenantId })).tenant!,
  )
  one('resume', 'serve it again', async (edge, tenantId) => (await edge.client(TenantService).resumeTenant({ tenantId })).tenant!)
}

/** Waits for an operation, its steps on a bar; throws when it failed. */
const waitFor = async (edge: Edge, started: Operation, quiet: boolean): Promise<void> => {
  const bar = steps(started.steps.length, quiet)
  let operation = started
  try {
    while (!operation.done) {
      const { tenantId, operationId } = operation
      operation = (await edge.client(OperationService).waitOperation({ tenantId, operationId, timeout: { seconds: 5n, nanos: 0 } }))
        .operation!
      bar.update(operation.steps.filter((step) => step.done).length)
    }
  } finally {
    bar.stop()
  }
  if (operation.result.case === 'error') throw new CommandFailed(`${operation.target}: ${operation.result.value.message}`)
}
