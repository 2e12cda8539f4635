import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AuditService } from '../../proto/gen/tenantry/audit/v1/audit_pb.js'
import { CollectionService, FieldType } from '../../proto/gen/tenantry/data/v1/collection_pb.js'
import { RecordService } from '../../proto/gen/tenantry/data/v1/record_pb.js'
import { RoleService } from '../../proto/gen/tenantry/identity/v1/role_pb.js'
import { UserService } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { Tier } from '../../proto/gen/tenantry/tenant/v1/tenant_pb.js'
import type { Platform } from '../platform.js'
import { startPlatform } from '../platform.js'

/** A customer's name, and in its e-mail address. */
const CANARY = 'canaryzoe'
const EMAIL = `${CANARY}@people.test`

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
}, 120_000)
afterAll(() => platform.stop(), 60_000)

/** Rows of a table, with what is binary as the text that it would hold. */
const rowsOf = async (database: string, table: string): Promise<string> => {
  const rows = await platform.query<Record<string, unknown>>(database, `select * from ${table}`)
  const text = (value: unknown): string => {
    if (Buffer.isBuffer(value)) return value.toString('latin1')
    if (Array.isArray(value)) return value.map(text).join(' ')
    return typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
  return rows.map((row) => Object.values(row).map(text).join(' ')).join('\n')
}
const filesOf = async (folder: string): Promise<string> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n')
}
const OUTBOXES = ['identity', 'tenant', 'data', 'policy', 'audit']

describe('events and access records of a person (threats 48)', () => {
  it('hold neither name nor address, in database, journal or log; negative control: where people are kept they are found', async () => {
    const { tenantId, slug, seats } = await platform.onboard('rest', Tier.STANDARD, ['admin'])
    const { edge } = seats.admin
    const password = `${CANARY} has a long password`
    const { user } = await edge.client(UserService).createUser({ tenantId, email: EMAIL, displayName: CANARY, password })
    const { roles } = await edge.client(RoleService).listRoles({ tenantId, pageSize: 200 })
    const roleId = roles.find(({ name }) => name === 'editor')!.roleId
    await edge.client(RoleService).grantRole({ tenantId, roleId, subjectId: user!.userId })
    const person = await platform.logIn(slug, EMAIL, password)
    await platform.logIn(slug, EMAIL, 'a wrong password').catch(() => undefined)
    await platform.logIn('absent', EMAIL, password).catch(() => undefined)
    const fields = [{ name: 'name', type: FieldType.STRING }]
    const { collection } = await edge.client(CollectionService).createCollection({ tenantId, name: 'people', fields })
    const { collectionId } = collection!
    const records = person.edge.client(RecordService)
    await records.createRecord({ tenantId, collectionId, recordId: 'one', fields: { name: CANARY } })
    await records.createRecord({ tenantId, collectionId, recordId: 'two', fields: { [CANARY]: CANARY } }).catch(() => undefined)
    await records.listRecords({ tenantId, collectionId, filter: `fields.name = "${CANARY}"` })
    await edge
      .client(UserService)
      .updateUser({ tenantId, userId: user!.userId, displayName: `${CANARY} again`, updateMask: { paths: ['display_name'] } })

    // Until all of it has come to the tenant's log.
    const created = 'type = "tenantry.data.record.created.v1"'
    for (let i = 0; i < 100; i++) {
      const { entries } = await edge.client(AuditService).listEvents({ tenantId, filter: created })
      if (entries.length > 0) break
      await sleep(100)
    }
    await sleep(500)
    const told = (
      await Promise.all([
        ...OUTBOXES.map((database) => rowsOf(database, 'platform.outbox')),
        rowsOf('events', 'log.message'),
        rowsOf('audit', 'pool.leaf'),
        rowsOf('audit', 'platform.set_aside'),
        rowsOf('identity', 'platform.request'),
        rowsOf('identity', 'pool.login_attempts'),
        filesOf(join(platform.stateDir, 'journal')),
        filesOf(join(platform.stateDir, 'log')),
      ])
    ).join('\n')
    expect(told).toContain(user!.userId)
    expect(told).toContain('tenantry.data.record.created.v1')
    expect(told.toLowerCase()).not.toContain(CANARY)
    expect(await rowsOf('identity', 'pool.users')).toContain(EMAIL)
  }, 60_000)
})
