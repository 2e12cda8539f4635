import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Authority, IssueRequest } from './authority.js'
import type { CertificateSource, ReloadReport } from './source.js'
import { listeners } from './source.js'

export interface IssuedOptions extends Omit<IssueRequest, 'now'> {
  readonly authority: Authority
  readonly report?: ReloadReport
}

/** Certificates from the development CA, renewed when half of their life is over. */
export const issuedSource = ({ authority, report, ...request }: IssuedOptions): CertificateSource => {
  let current = authority.issue(request)
  const subscribers = listeners()
  const timer = setInterval(
    () => {
      current = authority.issue(request)
      report?.('renewed')
      subscribers.tell(current)
    },
    Math.min(request.ttlMs / 2, 2 ** 31 - 1),
  )
  timer.unref()
  return {
    current: () => current,
    onChange: (listener) => subscribers.add(listener),
    close: () => clearInterval(timer),
  }
}

/** Writes a source's pair to `<folder>/<name>.pem` and `.key` (0600), now and after each renewal, for tools that read files. */
export const keepInFiles = async (source: CertificateSource, folder: string, name: string): Promise<() => void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const write = async () => {
    const { cert, key } = source.current()
    const suffix = `new-${process.pid}`
    await writeFile(join(folder, `${name}.key.${suffix}`), key, { mode: 0o600 })
    await writeFile(join(folder, `${name}.pem.${suffix}`), cert)
    await rename(join(folder, `${name}.key.${suffix}`), join(folder, `${name}.key`))
    await rename(join(folder, `${name}.pem.${suffix}`), join(folder, `${name}.pem`))
  }
  await write()
  return source.onChange(() => {
    // A tool's copy that can't be written leaves the running certificate untouched.
    write().catch(() => undefined)
  })
}
