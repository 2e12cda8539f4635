import { createJwks } from '../mesh/jwks.js'
import type { FetchedJwks } from '../mesh/jwks.js'

const RETRY_MS = 100

/** The issuer's keys, asked for from the start until the issuer is there: no caller waits for the first fetch. */
export const issuerKeys = (fetch: () => Promise<string>): FetchedJwks => {
  const jwks = createJwks({ fetch })
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const first = (): void => {
    jwks.refresh().catch(() => {
      if (closed || jwks.ready) return
      timer = setTimeout(first, RETRY_MS)
      timer.unref()
    })
  }
  first()
  return {
    key: (kid) => jwks.key(kid),
    onWithdrawn: (listener) => jwks.onWithdrawn?.(listener),
    refresh: () => jwks.refresh(),
    get ready() {
      return jwks.ready
    },
    close: () => {
      closed = true
      clearTimeout(timer)
      jwks.close()
    },
  }
}
