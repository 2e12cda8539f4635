import type { Command } from 'commander'
import type { Context } from '../context.js'
import { certificateChecks } from '../doctor/certificates.js'
import type { Finding } from '../doctor/finding.js'
import { gatewayCheck, loginCheck, serviceChecks } from '../doctor/platform.js'
import { CommandFailed } from '../report.js'

export const doctorCommand = (program: Command, context: () => Context, stateDirectory: string): void => {
  program
    .command('doctor')
    .description('say what is wrong: gateway, clock, services, certificates, login')
    .option('--metrics-host <host>', 'where the health ports of the services are', '127.0.0.1')
    .action(async ({ metricsHost }: { metricsHost: string }) => {
      const { out, profiles } = context()
      const profile = profiles.read()
      const findings: Finding[] = [
        ...(await gatewayCheck(profile?.gateway ?? 'https://localhost:8443', profile?.ca, stateDirectory)),
        ...(await serviceChecks(metricsHost)),
        ...certificateChecks(stateDirectory),
        loginCheck(profile),
      ]
      if (out.json) for (const finding of findings) out.object(finding, '')
      out.table(findings.map(({ what, ok, detail }) => ({ check: what, state: ok ? 'ok' : 'WRONG', detail })))
      const wrong = findings.filter(({ ok }) => !ok)
      if (wrong.length > 0) throw new CommandFailed(`${wrong.length} of ${findings.length} checks found something wrong`)
    })
}
