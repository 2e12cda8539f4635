import { createPublicKey, randomBytes } from 'node:crypto'
import { pino } from 'pino'
import type { Fact } from '../../proto/gen/tenantry/facts/v1/facts_pb.js'
import { accessMessage } from '../../services/platform/events/envelope.js'
import { createFacts } from '../../services/platform/facts/create-facts.js'
import { logKeys } from '../../services/platform/journal/log-key.js'
import { openJournal } from '../../services/platform/journal/open-journal.js'
import { createSealer } from '../../services/platform/keys/x25519-sealer.js'
import type { Certificate, CertificateSource } from '../../services/platform/mesh/certificates/source.js'
import { workDeadline } from '../../services/platform/mesh/deadline.js'
import type { Route, Rpc } from '../../services/platform/mesh/rpc.js'
import { serveMesh } from '../../services/platform/mesh/service.js'
import { createAuthorizer } from '../../services/platform/policy/authorizer.js'
import { openDecisionPoint } from '../../services/platform/policy/open-decision-point.js'
import { createChainMetrics } from '../../services/platform/telemetry/chain-metrics.js'
import { createRegistry } from '../../services/platform/telemetry/metrics.js'
import { createTracing } from '../../services/platform/telemetry/trace.js'
import { answerTo, AUDIENCE, factsOf, ISSUER, METHOD, REGION, TRUST_DOMAIN } from './call-world.js'
import type { World } from './call-world.js'
import { cpuMicros } from './measure.js'
import { POLICY_DIRECTORY, workDirectory } from './places.js'
import { answer } from './worker.js'

/** Owners of facts that have told everything: a renewal brings nothing new. */
const owner = (name: string, facts: readonly Fact[]) => ({
  name,
  renew: (cursor: Uint8Array) =>
    Promise.resolve({ facts: cursor.length === 0 ? [...facts] : [], cursor: Buffer.of(1), reset: cursor.length === 0, more: false }),
})

const fixed = (certificate: Certificate): CertificateSource => ({
  current: () => certificate,
  onChange: () => () => undefined,
  close: () => undefined,
})

const getCollection: Rpc<typeof METHOD> = async (request) => answerTo(request)

const directory = workDirectory('journal')
const log = pino({ level: 'silent' })

const open = async (world: World) => {
  const all = factsOf(world)
  const facts = createFacts({
    owners: [
      owner(
        'tenant',
        all.filter(({ fact }) => fact.case === 'tenant'),
      ),
      owner(
        'identity',
        all.filter(({ fact }) => fact.case !== 'tenant'),
      ),
    ],
  })
  const deadline = workDeadline(5_000)
  await facts.ensure(deadline)
  deadline.settle()
  // Spans are taken and dropped where a collector would be: the batches are made.
  const exporter = { export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }), shutdown: async () => {} }
  const tracing = await createTracing({ service: 'data', instance: 'bench', version: '0', region: REGION, env: {}, exporters: [exporter] })
  const journal = await openJournal({
    directory: directory.path,
    services: ['data'],
    region: REGION,
    logKey: logKeys(randomBytes(32)),
    // The envelope of each record is made; the event log behind it is another process's work.
    produce: async () => undefined,
    toMessage: accessMessage,
    observe: { event: (event) => console.error('the journal:', event) },
  })
  const decisionPoint = await openDecisionPoint({ directory: POLICY_DIRECTORY })
  const sealer = createSealer()
  const verifyKey = createPublicKey(world.verifyKey)
  const server = await serveMesh({
    service: 'data',
    region: REGION,
    trustDomain: TRUST_DOMAIN,
    source: fixed(world.serverCertificate),
    port: 0,
    log,
    tracer: tracing.tracer,
    metrics: createChainMetrics(createRegistry({ service_name: 'data', service_instance_id: 'bench', service_version: '0' })),
    journal,
    sealer,
    facts,
    authorizer: createAuthorizer({ service: 'data', region: REGION, decisionPoint, facts }),
    tokens: { issuer: ISSUER, audience: AUDIENCE, jwks: { key: () => verifyKey } },
    mayForward: () => false,
    mayReflect: () => false,
    ready: () => true,
    routes: [{ method: METHOD, rpc: getCollection as Route['rpc'] }],
  })
  return {
    address: server.address,
    close: async () => {
      await server.close(1_000)
      await journal.close(5_000)
      await tracing.close()
      facts.close()
      decisionPoint.close()
      sealer.close()
    },
  }
}

let opened: Awaited<ReturnType<typeof open>> | undefined
answer(
  async (question: { world?: World }) => {
    if (question.world === undefined) return cpuMicros()
    opened = await open(question.world)
    return opened.address
  },
  async () => {
    await opened?.close()
    directory.remove()
  },
)
