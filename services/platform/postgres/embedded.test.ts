import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { build } from 'esbuild'
import { withClient } from './connection.js'
import { alive } from './embedded-pid.js'
import { startEmbedded } from './embedded.js'
import type { EmbeddedPostgres } from './embedded.js'
import { PLANS, provision, secretsFor } from './provisioner.js'
import { scramVerifier } from './secrets.js'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenantry-embedded-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const start = (log?: (line: string) => void) => startEmbedded({ directory, log, settings: { shared_buffers: '16MB' } })
const superuser = ({ host, port, superuser: user, password }: EmbeddedPostgres) => ({ host, port, user, password, database: 'postgres' })
const query = (server: EmbeddedPostgres, text: string) =>
  withClient(superuser(server), async (client) => (await client.query<Record<string, unknown>>(text)).rows)
const gone = async (pid: number, withinMs = 5_000) => {
  const until = performance.now() + withinMs
  while (alive(pid) && performance.now() < until) await sleep(20)
  return !alive(pid)
}

describe('startEmbedded()', () => {
  it('starts, keeps data over a stop, and leaves no process', async () => {
    const first = await start()
    expect(first.created).toBe(true)
    await query(first, 'create table kept as select 1 as x')
    await first.stop()
    expect(alive(first.pid)).toBe(false)
    expect(existsSync(first.host)).toBe(false)
    const second = await start()
    expect(second.created).toBe(false)
    expect(await query(second, 'select x from kept')).toEqual([{ x: 1 }])
    await second.stop()
  })

  it('keeps the password from others, and asks everyone for it', async () => {
    const server = await start()
    expect(statSync(join(directory, 'superuser.password')).mode & 0o777).toBe(0o600)
    for (const host of [server.host, '127.0.0.1'])
      await expect(withClient({ ...superuser(server), host, password: 'guess' }, async () => undefined)).rejects.toMatchObject({
        code: '28P01',
      })
    await server.stop()
  })

  it('listens on loopback only (threats 47)', async () => {
    const server = await start()
    const outside = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
    const reach = (host: string) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(server.port, host, () => resolve(true)).on('error', () => resolve(false))
        socket.setTimeout(1_000, () => resolve(false))
        socket.once('close', () => socket.destroy())
      })
    expect(await reach('127.0.0.1')).toBe(true)
    for (const { address } of outside) expect(await reach(address)).toBe(false)
    await server.stop()
  })

  it('recovers after its server was killed, with what was committed', async () => {
    const first = await start()
    await query(first, 'create table crashed as select 2 as x')
    process.kill(first.pid, 'SIGKILL')
    expect(await gone(first.pid)).toBe(true)
    const second = await start()
    expect(await query(second, 'select x from crashed')).toEqual([{ x: 2 }])
    await second.stop()
  })

  it('stops an orphan of the same directory first', async () => {
    const orphan = await start()
    const lines: string[] = []
    const second = await start((line) => lines.push(line))
    expect(lines.join()).toContain('another server')
    expect(alive(orphan.pid)).toBe(false)
    await second.stop()
  })

  it('is not taken in by a pid file whose pid is a stranger now', async () => {
    const first = await start()
    process.kill(first.pid, 'SIGKILL')
    await gone(first.pid)
    const file = join(directory, 'data', 'postmaster.pid')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(process.pid)))
    const second = await start()
    expect(await query(second, 'select 1 as x')).toEqual([{ x: 1 }])
    await second.stop()
  })

  it('ends when the process that started it is killed', async () => {
    const source = fileURLToPath(new URL('./embedded.ts', import.meta.url))
    const script = `import { startEmbedded } from ${JSON.stringify(source)}
      startEmbedded({ directory: ${JSON.stringify(directory)} }).then(({ pid }) => console.log(pid))
      setInterval(() => undefined, 1000)`
    const outfile = join(directory, 'starter.mjs')
    await build({
      stdin: { contents: script, resolveDir: directory },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      // It finds the server's package from where the source lies.
      define: { 'import.meta.url': JSON.stringify(import.meta.url) },
    })
    const starter = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = Number(await new Promise((resolve) => starter.stdout.once('data', (data: Buffer) => resolve(data.toString()))))
    expect(alive(pid)).toBe(true)
    starter.kill('SIGKILL')
    expect(await gone(pid)).toBe(true)
  })
})

describe('provision()', () => {
  it('makes every database and role, and changes nothing the second time', async () => {
    const server = await start()
    const secrets = secretsFor(undefined)
    expect(secretsFor(secrets)).toBe(secrets)
    await provision({ superuser: superuser(server), secrets })
    await provision({ superuser: superuser(server), secrets })
    for (const { name, owner, roles } of PLANS)
      for (const user of [owner, ...roles]) {
        const own = { host: server.host, port: server.port, user, password: secrets.passwords[user]!, database: name }
        expect(await withClient(own, async (client) => (await client.query('select current_user as me')).rows)).toEqual([{ me: user }])
        const other = PLANS.find((plan) => plan.name !== name)!.name
        await expect(withClient({ ...own, database: other }, async () => undefined)).rejects.toMatchObject({ code: '42501' })
      }
    await server.stop()
  }, 60_000)
})

describe('scramVerifier()', () => {
  it('is what RFC 7677 gives', () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
    expect(scramVerifier('pencil', salt)).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    )
  })
})
