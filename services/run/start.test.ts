import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it } from '@jest/globals'

const script = fileURLToPath(new URL('../../deploy/start.mjs', import.meta.url))
const state = mkdtempSync(join(tmpdir(), 'tenantry-start-'))
const running = new Set<ChildProcess>()

interface Started {
  readonly child: ChildProcess
  readonly lines: readonly string[]
  /** The exit code once it has ended. */
  readonly ended: Promise<number | null>
}

/** `npm start` or `npm run mesh` on the test's state directory; resolves when it says ready. */
const start = async (...flags: string[]): Promise<Started> => {
  const started = await launch(...flags)
  if (started.child.exitCode !== null) throw new Error(`it did not start:\n${started.lines.join('\n')}`)
  return started
}

/** Resolves when it says ready, or has ended. */
const launch = async (...flags: string[]): Promise<Started> => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TENANTRY_|NODE_OPTIONS|OTEL_)/.test(name)))
  const child = spawn(process.execPath, [script, ...flags, '--port', '0', '--state-dir', state], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  const ended = once(child, 'exit').then(([code]) => {
    running.delete(child)
    return code as number | null
  })
  const lines: string[] = []
  let say: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    say = resolve
  })
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      if (line.includes('ready')) say()
    })
  }
  await Promise.race([ready, ended])
  return { child, lines, ended }
}

const operator = (): { gateway: string; slug: string; email: string; password: string } =>
  JSON.parse(readFileSync(join(state, 'operator.json'), 'utf8')) as ReturnType<typeof operator>

/** A call in Connect's JSON through the gateway, which must show a certificate of this installation's CA. */
const call = (method: string, message: unknown, token?: string): Promise<Record<string, unknown> & { status: number }> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    request(new URL(method, `${operator().gateway}/`), { method: 'POST', ca: readFileSync(join(state, 'ca.pem')), headers }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ ...(JSON.parse(body) as Record<string, unknown>), status: response.statusCode! }))
    })
      .on('error', reject)
      .end(JSON.stringify(message))
  })

const logIn = async (): Promise<string> => {
  const { slug, email, password } = operator()
  const answer = await call('tenantry.identity.v1.SessionService/CreateSession', { slug, email, password })
  expect(answer.status).toBe(200)
  return (answer['tokens'] as { accessToken: string }).accessToken
}

const slugs = async (token: string): Promise<string[]> => {
  const answer = await call('tenantry.tenant.v1.TenantService/ListTenants', {}, token)
  return (answer['tenants'] as { slug: string }[]).map(({ slug }) => slug).sort()
}

const stop = async ({ child, ended }: Started, signal: NodeJS.Signals): Promise<number | null> => {
  child.kill(signal)
  return ended
}

describe('npm start', () => {
  afterEach(async () => {
    for (const child of running) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  afterAll(() => rmSync(state, { recursive: true, force: true }))

  it('serves from the first start, and keeps what it has through a stop and a kill', async () => {
    const first = await start()
    expect(first.lines.at(-1)).toMatch(/^ready in [\d.]+ s/)
    expect(statSync(join(state, 'operator.json')).mode & 0o777).toBe(0o600)
    expect(first.lines.join('\n')).toContain(join(state, 'operator.json'))
    expect(first.lines.join('\n')).not.toContain(operator().password)
    const created = await call('tenantry.tenant.v1.TenantService/CreateTenant', { slug: 'acme', displayName: 'Acme' }, await logIn())
    expect(created.status).toBe(200)

    const second = await launch()
    expect(await second.ended).toBe(1)
    expect(second.lines.at(-1)).toBe(`${state} is in use by process ${first.child.pid}`)

    const { password } = operator()
    expect(await stop(first, 'SIGTERM')).toBe(0)
    const third = await start()
    expect(await slugs(await logIn())).toEqual(['acme', 'platform'])

    await stop(third, 'SIGKILL')
    const fourth = await start()
    expect(await slugs(await logIn())).toEqual(['acme', 'platform'])
    expect(operator().password).toBe(password)
    expect(await stop(fourth, 'SIGINT')).toBe(0)
    expect(existsSync(join(state, 'lock'))).toBe(false)
  }, 240_000)

  it('runs as a process per service, on the same data, and starts a killed one again', async () => {
    const mesh = await start('--mesh')
    expect(await slugs(await logIn())).toEqual(['acme', 'platform'])
    const restarted = new Promise<void>((resolve) => {
      createInterface(mesh.child.stderr!).on('line', (line) => {
        if (line.includes('is started again')) resolve()
      })
    })
    process.kill(childOf(mesh.child.pid!, 'services/tenant/main.js'), 'SIGKILL')
    await restarted
    // Until tenants' facts are renewed nobody decides anything, logins included.
    expect(await eventually(async () => slugs(await logIn()))).toEqual(['acme', 'platform'])
    const children = childrenOf(mesh.child.pid!)
    expect(children).toHaveLength(6)
    await stop(mesh, 'SIGKILL')
    await eventually(async () => children.forEach((pid) => expect(alive(pid)).toBe(false)))
  }, 240_000)
})

/** Tries again for a minute. */
const eventually = async <T>(attempt: () => Promise<T>): Promise<T> => {
  for (const until = Date.now() + 60_000; ;) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const alive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Services that run as children of a process. */
const childrenOf = (parent: number): number[] =>
  readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/main.js'))

/** The child of a process whose command line names that script. */
const childOf = (parent: number, name: string): number =>
  childrenOf(parent).find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(name))!
