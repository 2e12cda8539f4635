import { openEdge } from './edge.js'
import { runCli } from './program.js'

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  openEdge,
  // From dist/services/cli/ and from services/cli/ alike the data lies in the checkout.
  data: new URL(import.meta.url.includes('/dist/') ? '../../../test/data/' : '../../test/data/', import.meta.url),
})
