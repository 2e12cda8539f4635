import { parseArgs } from 'node:util'
import { integer } from '../platform/config/fields.js'
import type { ConfigKey } from '../platform/config/schema.js'
import { ENDPOINTS } from '../platform/runtime/endpoints.js'

export interface RunArguments {
  readonly mode: 'all' | 'mesh'
  /** Begin anew: the state directory is emptied first. */
  readonly fresh: boolean
  readonly overrides: Partial<Record<ConfigKey, unknown>>
}

/** What is wrong with the command line: for stderr, exit code 2. */
export class UsageError extends Error {}

export const USAGE = `usage: npm start -- [--fresh] [--port <port>] [--state-dir <directory>]
  --fresh               begin anew: empties the state directory
  --port <port>         of the gateway; 0 picks free ports for everything
  --state-dir <path>    where everything lies (.tenantry)
Everything else is configuration: TENANTRY_* in the environment.`

/** Arguments of `npm start` and `npm run mesh`: `all` or `mesh`, then flags. Throws UsageError. */
export const parseArguments = (argv: readonly string[]): RunArguments => {
  const [mode, ...flags] = argv
  if (mode !== 'all' && mode !== 'mesh') throw new UsageError(USAGE)
  let values: { fresh?: boolean; port?: string; 'state-dir'?: string }
  try {
    ;({ values } = parseArgs({
      args: flags,
      options: { fresh: { type: 'boolean' }, port: { type: 'string' }, 'state-dir': { type: 'string' } },
    }))
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`)
  }
  const overrides: RunArguments['overrides'] = {}
  if (values['state-dir'] !== undefined) overrides.stateDir = values['state-dir']
  if (values.port !== undefined) {
    const port = integer(0, 65_535).safeParse(values.port)
    if (!port.success) throw new UsageError(`--port ${port.error.issues[0]!.message}\n${USAGE}`)
    overrides.portGateway = port.data
    if (port.data === 0) for (const { port: key } of Object.values(ENDPOINTS)) overrides[key] = 0
  }
  return { mode, fresh: values.fresh ?? false, overrides }
}
