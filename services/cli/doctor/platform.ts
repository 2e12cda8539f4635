import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import type { Profile } from '../profile.js'
import type { Finding } from './finding.js'

const TIMEOUT_MS = 3_000
/** What tokens allow. */
const SKEW_MS = 30_000
/** Health ports of the services, by default. */
const HEALTH: Readonly<Record<string, number>> = { gateway: 8543, identity: 9541, tenant: 9542, data: 9543, policy: 9544, audit: 9545 }

interface Reply {
  readonly status: number
  readonly date: string | undefined
  readonly body: string
}

/** Whether the gateway answers, says that it serves, and its clock is ours. */
export const gatewayCheck = async (gateway: string, ca: string | undefined, stateDirectory: string): Promise<Finding[]> => {
  const what = `gateway ${gateway}`
  try {
    const { status, date } = await get(new URL('/healthz', gateway), ca ?? localCa(stateDirectory))
    const skew = date === undefined ? 0 : Math.abs(Date.parse(date) - Date.now())
    return [
      { what, ok: status === 200, detail: status === 200 ? 'serves' : `answers ${status}` },
      { what: 'clock', ok: skew < SKEW_MS, detail: `${Math.round(skew / 1_000)} s from the gateway's` },
    ]
  } catch (error) {
    return [{ what, ok: false, detail: (error as Error).message }]
  }
}

/** Whether each service says that it is ready, and what of it is not. */
export const serviceChecks = (host: string): Promise<Finding[]> =>
  Promise.all(
    Object.entries(HEALTH).map(async ([service, port]) => {
      const what = `service ${service}`
      try {
        const { status, body } = await get(new URL(`http://${host}:${port}/readyz`), undefined)
        return { what, ok: status === 200, detail: status === 200 ? 'ready' : body.trim().slice(0, 200) }
      } catch (error) {
        return { what, ok: false, detail: (error as Error).message }
      }
    }),
  )

export const loginCheck = (profile: Profile | undefined): Finding =>
  profile === undefined
    ? { what: 'login', ok: true, detail: 'none' }
    : { what: 'login', ok: true, detail: `${profile.userId} of ${profile.slug}` }

const localCa = (stateDirectory: string): string | undefined => {
  try {
    return readFileSync(join(stateDirectory, 'ca.pem'), 'utf8')
  } catch {
    return undefined
  }
}

const get = (url: URL, ca: string | undefined): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, date: response.headers.date, body }))
      response.on('error', reject)
    }
    const options = { timeout: TIMEOUT_MS, agent: false as const }
    const request = url.protocol === 'https:' ? httpsRequest(url, { ...options, ca }, answered) : httpRequest(url, options, answered)
    request.on('timeout', () => request.destroy(new Error('did not answer')))
    request.on('error', reject)
    request.end()
  })
