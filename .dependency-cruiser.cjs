/** The import boundaries of the house, as rules that fail. */
const services = 'identity|tenant|data|policy|audit|gateway|cli|verify'
const notATest = '\\.(test|contract)\\.ts$|/testing\\.ts$|/testing/'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: { pathNot: '^proto/gen' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'generated-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^proto/gen' },
      to: { path: '^(services|test|policies|deploy)/' },
    },
    {
      name: 'platform-knows-no-service',
      severity: 'error',
      from: { path: '^services/platform/' },
      to: { path: `^services/(${services}|run)/` },
    },
    {
      name: 'services-call-each-other-over-grpc',
      comment: 'A service never imports another. services/run composes them all.',
      severity: 'error',
      from: { path: `^services/(${services})/` },
      to: { path: `^services/(${services}|run)/`, pathNot: '^services/$1/' },
    },
    { name: 'nothing-imports-tests', severity: 'error', from: { path: '^services/', pathNot: notATest }, to: { path: '^test/' } },
    {
      name: 'the-driver-stays-in-platform-postgres',
      severity: 'error',
      from: { path: '^services/', pathNot: `^services/platform/postgres/|${notATest}` },
      to: { path: 'node_modules/pg/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-platform-policy-touches-wasm',
      severity: 'error',
      from: { pathNot: '^services/platform/policy/|^test/bench/' },
      to: { path: 'node_modules/@open-policy-agent/' },
    },
    { name: 'store-does-not-know-rpc', severity: 'error', from: { path: '/store/' }, to: { path: '/rpc/' } },
    {
      name: 'rpc-does-not-import-rpc',
      severity: 'error',
      from: { path: '^services/([^/]+)/rpc/', pathNot: notATest },
      to: { path: '^services/[^/]+/rpc/' },
    },
    {
      name: 'the-verifier-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^services/verify/' },
      to: { path: '^(services|proto)/', pathNot: '^services/verify/' },
    },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: `${notATest}|\\.d\\.ts$|main\\.ts$|^test/` }, to: {} },
    { name: 'declared-dependencies-only', severity: 'error', from: {}, to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] } },
    {
      name: 'no-dev-dependencies-in-production',
      severity: 'error',
      from: { path: '^services/', pathNot: notATest },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
}
