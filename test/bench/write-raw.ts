import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { clientOptions } from '../../services/platform/postgres/connection.js'
import type { ConnectionOptions } from '../../services/platform/postgres/connection.js'
import { CONNECTIONS, FIELDS } from './write-data.js'
import type { Target } from './write-data.js'

const TABLE = `create table if not exists pool.raw (
  tenant_id text not null, collection_id text not null, record_id text collate "C" not null, version bigint not null, clear jsonb not null,
  owner text not null, classification smallint not null, create_time timestamptz not null default now(), update_time timestamptz not null default now(),
  primary key (tenant_id, collection_id, record_id))`
const INSERT = {
  name: 'insert',
  text: 'insert into pool.raw (tenant_id, collection_id, record_id, version, clear, owner, classification) values ($1, $2, $3, 1, $4, $5, 2)',
}
const SELECT = { name: 'select', text: 'select * from pool.raw where tenant_id = $1 and collection_id = $2 and record_id = $3' }

/** The same row in a shared table by plain prepared SQL: no row-level security, no context, no event. As many connections as the service has. */
export const openRaw = async (connection: ConnectionOptions) => {
  const open = async (): Promise<pg.Client> => {
    const client = new pg.Client({ ...clientOptions(connection), pipeline: true } as pg.ClientConfig)
    await client.connect()
    return client
  }
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, open))
  await clients[0]!.query(TABLE)
  const idle = [...clients]
  const waiting: ((client: pg.Client) => void)[] = []
  const held = async (work: (client: pg.Client) => Promise<unknown>): Promise<void> => {
    const client = idle.pop() ?? (await new Promise<pg.Client>((resolve) => waiting.push(resolve)))
    try {
      await work(client)
    } finally {
      const next = waiting.shift()
      if (next === undefined) idle.push(client)
      else next(client)
    }
  }
  return {
    write: ({ tenantId, collectionId }: Target, pipelined: boolean): Promise<void> =>
      held(async (client) => {
        const key = [tenantId, collectionId, randomUUID()]
        const insert = { ...INSERT, values: [...key, JSON.stringify(FIELDS), 'usr_bench'] }
        const select = { ...SELECT, values: key }
        if (pipelined) return Promise.all([client.query('begin'), client.query(insert), client.query(select), client.query('commit')])
        await client.query('begin')
        await client.query(insert)
        await client.query(select)
        return client.query('commit')
      }),
    close: () => Promise.all(clients.map((client) => client.end())),
  }
}
