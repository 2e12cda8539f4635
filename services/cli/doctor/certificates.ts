import { X509Certificate } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from './finding.js'

/** Certificates that end within this are told of. */
const SOON_MS = 3_600_000

/** The certificates that lie in the state directory: whether they are in time. None where they come from elsewhere. */
export const certificateChecks = (stateDirectory: string, now = Date.now()): Finding[] => {
  const files = [join(stateDirectory, 'ca.pem'), join(stateDirectory, 'edge.pem'), ...inDirectory(join(stateDirectory, 'certs'))]
  return files.flatMap((path) => {
    const text = read(path)
    return text === undefined ? [] : [check(path, text, now)]
  })
}

const check = (path: string, pem: string, now: number): Finding => {
  const what = `certificate ${path}`
  try {
    const { validFrom, validTo } = new X509Certificate(pem)
    if (now < Date.parse(validFrom)) return { what, ok: false, detail: `begins only at ${validFrom}: is the clock right?` }
    const left = Date.parse(validTo) - now
    return {
      what,
      ok: left > 0,
      detail: left > SOON_MS ? `until ${validTo}` : left > 0 ? `ends soon, at ${validTo}` : `ended at ${validTo}`,
    }
  } catch {
    return { what, ok: false, detail: 'is no certificate' }
  }
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const inDirectory = (path: string): string[] => {
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith('.pem'))
      .map((name) => join(path, name))
  } catch {
    return []
  }
}
