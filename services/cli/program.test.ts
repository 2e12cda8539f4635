import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { CreateSessionResponseSchema, RefreshSessionResponseSchema } from '../../proto/gen/tenantry/identity/v1/session_pb.js'
import { ListUsersResponseSchema } from '../../proto/gen/tenantry/identity/v1/user_pb.js'
import { AppError } from '../platform/mesh/errors.js'
import type { Edge } from './context.js'
import { runCli } from './program.js'

const TENANT = 'ten_01h2xcejqtf2nbrexx3vqjhp41'

/** A platform that answers by method name, and remembers what it was asked and with which token. */
const fakePlatform = (answers: Record<string, (request: never) => unknown>) => {
  const asked: { method: string; request: unknown; token: string | undefined }[] = []
  const openEdge = (_gateway: string, _ca: string | undefined, token: () => Promise<string | undefined>): Edge => ({
    client: () =>
      new Proxy(
        {},
        {
          get: (_target, method: string) => async (request: never) => {
            asked.push({ method, request, token: await token() })
            const answer = answers[method]
            if (!answer) throw new AppError('UNKNOWN_METHOD', method)
            return answer(request)
          },
        },
      ) as never,
    close: () => undefined,
  })
  return { asked, openEdge }
}

const session = (accessForMs: number) => ({
  createSession: () =>
    create(CreateSessionResponseSchema, {
      session: { sessionId: 'ses_1', tenantId: TENANT, userId: 'usr_1' },
      tokens: { accessToken: 'first', accessTokenExpireTime: timestampFromMs(Date.now() + accessForMs), refreshToken: 'refresh-1' },
    }),
  refreshSession: () =>
    create(RefreshSessionResponseSchema, {
      tokens: { accessToken: 'second', accessTokenExpireTime: timestampFromMs(Date.now() + 300_000), refreshToken: 'refresh-2' },
    }),
})

let directory: string
let output: { out: string; err: string }
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cli-'))
  output = { out: '', err: '' }
})

const run = (platform: ReturnType<typeof fakePlatform>, ...args: string[]): Promise<number> =>
  runCli(args, {
    env: { TENANTRY_CONFIG_DIR: directory, TENANTRY_STATE_DIR: join(directory, 'none') },
    stdout: (text) => (output.out += text),
    stderr: (text) => (output.err += text),
    openEdge: platform.openEdge,
    data: new URL('file:///none/'),
  })

const passwordFile = (text: string): string => {
  const path = join(directory, 'password')
  writeFileSync(path, text)
  return path
}

describe('tenantry', () => {
  it('keeps a login in a private file and uses its token', async () => {
    const platform = fakePlatform({
      ...session(300_000),
      listUsers: () => create(ListUsersResponseSchema, { users: [{ userId: 'usr_1', email: 'a@b.c' }] }),
    })
    const file = passwordFile('correct horse battery\n')
    expect(await run(platform, 'login', '--slug', 'acme', '--email', 'a@b.c', '--password-file', file)).toBe(0)
    expect(platform.asked[0]).toMatchObject({ request: { slug: 'acme', password: 'correct horse battery' }, token: undefined })
    expect(statSync(join(directory, 'default.json')).mode & 0o777).toBe(0o600)
    expect(await run(platform, 'user', 'list', '--json')).toBe(0)
    expect(platform.asked.at(-1)).toMatchObject({ method: 'listUsers', request: { tenantId: TENANT }, token: 'first' })
    expect(JSON.parse(output.out.trim().split('\n').at(-1)!)).toMatchObject({ user_id: 'usr_1' })
    expect(output.out).not.toContain('correct horse')
  })

  it('renews a token that is about to end, and keeps the new refresh token', async () => {
    const platform = fakePlatform({ ...session(1_000), listUsers: () => create(ListUsersResponseSchema) })
    const file = passwordFile('correct horse battery')
    await run(platform, 'login', '--slug', 'acme', '--email', 'a@b.c', '--password-file', file)
    expect(await run(platform, 'user', 'list')).toBe(0)
    expect(platform.asked.map(({ method }) => method)).toEqual(['createSession', 'refreshSession', 'listUsers'])
    expect(platform.asked.at(-1)!.token).toBe('second')
    expect(readFileSync(join(directory, 'default.json'), 'utf8')).toContain('refresh-2')
  })

  it('exits 2 when it is called wrongly, and says how', async () => {
    const platform = fakePlatform({})
    expect(await run(platform, 'user', 'list')).toBe(2)
    expect(output.err).toContain('not logged in')
    expect(await run(platform, 'tenant', 'create')).toBe(2)
    expect(await run(platform, 'tenant', 'create', 'x', '--tier', 'gold')).toBe(2)
    expect(await run(platform, 'no-such-command')).toBe(2)
    expect(await run(platform, '--help')).toBe(0)
  })

  it('exits 1 when it is refused, with reason, decision and fields', async () => {
    const platform = fakePlatform({
      createSession: () => {
        throw new AppError('INVALID_FIELD', 'slug: is no label', {
          metadata: { decision_id: 'd'.repeat(32) },
          violations: [{ field: 'slug', description: 'is no label' }],
        })
      },
    })
    const file = passwordFile('x')
    expect(await run(platform, 'login', '--slug', '-', '--email', 'a@b.c', '--password-file', file, '--json')).toBe(1)
    expect(JSON.parse(output.err)).toEqual({
      error: 'INVALID_FIELD',
      code: 3,
      message: 'slug: is no label',
      decision_id: 'd'.repeat(32),
      violations: [{ field: 'slug', description: 'is no label' }],
    })
  })
})
