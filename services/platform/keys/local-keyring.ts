import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../mesh/errors.js'
import { decrypt, encrypt } from './aes-gcm.js'
import { framed } from './framing.js'
import type { Kms } from './kms.js'

export interface LocalKeyringOptions {
  /** The keyring file, as `<state directory>/keyring.json`; its directory is made if absent. */
  readonly path: string
  /** Root key of 32 bytes, kept by whoever gives it: the file then holds nothing secret. Absent, as `rootKeyFile`: drawn at first start and kept in the file. */
  readonly rootKey?: Uint8Array
  /** A file that holds the root key: 32 raw bytes, or their hex or base64 text. */
  readonly rootKeyFile?: string
}

interface KeyringFile {
  readonly version: 1
  /** Tells whether a root key is the one of this keyring. */
  readonly check: string
  readonly root?: string
}

const VERSION = 1
const KEY_VERSION = 1
const HEAD = 5
const MAX_PLAINTEXT = 4096

const unavailable = (message: string, cause?: unknown): AppError => new AppError('KEYS_UNAVAILABLE', message, { cause })

/**
 * The local keyring: a KMS in a file of mode 0600. Named keys come into being when they are first used, derived from the root key by HKDF-SHA-256, so that
 * processes that share the file agree without writing to it again. The file is made once, whole (written aside, then linked), and never replaced: one
 * that cannot be read, or that belongs to another root key, is an error. Wrapped form: format (1), key version (u32), nonce, ciphertext, tag.
 */
export const openLocalKeyring = async ({ path, rootKey, rootKeyFile }: LocalKeyringOptions): Promise<Kms & { close(): void }> => {
  const given = rootKey ? Buffer.from(rootKey) : rootKeyFile ? parseRoot(await readFile(rootKeyFile)) : undefined
  if (given && given.length !== 32) throw unavailable('the root key must have 32 bytes')
  const root = await rootOf(path, given)
  const keys = new Map<string, Buffer>()
  let closed = false

  const keyOf = (name: string, version: number): Buffer => {
    if (closed) throw unavailable('the keyring is closed')
    const id = `${name}/${version}`
    const known = keys.get(id)
    if (known) return known
    const key = Buffer.from(hkdfSync('sha256', root, '', framed('tenantry.keyring.key.v1', name, String(version)), 32))
    keys.set(id, key)
    return key
  }

  return {
    wrap: async (name, plaintext, context) => {
      if (plaintext.length > MAX_PLAINTEXT) throw new RangeError('a KMS wraps up to 4 KiB')
      const head = Buffer.alloc(HEAD)
      head.writeUInt8(VERSION)
      head.writeUInt32BE(KEY_VERSION, 1)
      return Buffer.concat([head, encrypt(keyOf(name, KEY_VERSION), plaintext, aadOf(head, name, context))])
    },
    unwrap: async (name, wrapped, context) => {
      if (wrapped.length < HEAD || wrapped[0] !== VERSION) throw unavailable('what was given is not wrapped by this keyring')
      const head = Buffer.from(wrapped.subarray(0, HEAD))
      const plaintext = decrypt(keyOf(name, head.readUInt32BE(1)), wrapped.subarray(HEAD), aadOf(head, name, context))
      if (!plaintext) throw unavailable('unwrapping failed: another key, another context, or damaged')
      return plaintext
    },
    ready: async () => !closed,
    close: () => {
      closed = true
      root.fill(0)
      for (const key of keys.values()) key.fill(0)
      keys.clear()
    },
  }
}

const aadOf = (head: Uint8Array, name: string, context: Readonly<Record<string, string>>): Buffer =>
  framed(
    'tenantry.kms.v1',
    head,
    name,
    ...Object.entries(context)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flat(),
  )

const checkOf = (root: Uint8Array): Buffer => createHmac('sha256', root).update('tenantry.keyring.check.v1').digest()

const parseRoot = (bytes: Buffer): Buffer => {
  if (bytes.length === 32) return bytes
  const text = bytes.toString('latin1').trim()
  return Buffer.from(text, /^[0-9a-fA-F]{64}$/.test(text) ? 'hex' : 'base64')
}

const rootOf = async (path: string, given: Buffer | undefined): Promise<Buffer> => {
  const known = await read(path)
  if (known) return matching(path, known, given)
  const root = given ?? randomBytes(32)
  const file: KeyringFile = {
    version: 1,
    check: checkOf(root).toString('base64'),
    ...(given ? {} : { root: root.toString('base64') }),
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await createOnce(path, JSON.stringify(file) + '\n')
  // Another process may have been faster: what stands in the file counts.
  return matching(path, (await read(path))!, given)
}

const read = async (path: string): Promise<KeyringFile | undefined> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unavailable(`keyring ${path} cannot be read`, error)
  }
  try {
    const file = JSON.parse(text) as KeyringFile
    if (file.version === 1 && typeof file.check === 'string') return file
  } catch {
    // Told below, without the parser's message: it would quote the text.
  }
  throw unavailable(`keyring ${path} is damaged; it is left as it is`)
}

const matching = async (path: string, file: KeyringFile, given: Buffer | undefined): Promise<Buffer> => {
  const root = given ?? (file.root === undefined ? undefined : Buffer.from(file.root, 'base64'))
  if (!root) throw unavailable(`keyring ${path} needs the root key that it was made with`)
  const check = Buffer.from(file.check, 'base64')
  const own = checkOf(root)
  if (check.length !== own.length || !timingSafeEqual(check, own)) throw unavailable(`keyring ${path} belongs to another root key`)
  await chmod(path, 0o600)
  return root
}

/** Writes the whole file aside, durably, then links it to its name: no reader sees a part, and nothing that stands there is replaced. */
const createOnce = async (path: string, text: string): Promise<void> => {
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
    await link(aside, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await file.close()
    await unlink(aside)
  }
  const directory = await open(dirname(path), 'r')
  await directory.sync().finally(() => directory.close())
}
