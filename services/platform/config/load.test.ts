import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from '@jest/globals'
import { loadConfig } from './load.js'
import type { ConfigError } from './load.js'
import { secret } from './secret.js'

const dir = mkdtempSync(join(tmpdir(), 'tenantry-config-'))
afterAll(() => rmSync(dir, { recursive: true }))
const write = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig({ env })
    return []
  } catch (error) {
    return (error as ConfigError).problems
  }
}

describe('loadConfig()', () => {
  it('has a default for everything that is not a credential', () => {
    const config = loadConfig({ env: { PATH: '/bin' } })
    expect(config.portData).toBe(9443)
    expect(config.factsLeaseMs).toBe(750)
    expect(config.operatorPassword).toBeUndefined()
  })

  it('takes the command line before the environment and the environment before the file', () => {
    const file = write('order.json', JSON.stringify({ portData: 1, portAudit: 2, portTenant: 3 }))
    const config = loadConfig({
      env: { TENANTRY_CONFIG: file, TENANTRY_PORT_DATA: '11', TENANTRY_PORT_AUDIT: '12' },
      overrides: { portData: 21 },
    })
    expect([config.portData, config.portAudit, config.portTenant]).toEqual([21, 12, 3])
  })

  it('names every problem at once, by key and rule', () => {
    const file = write('bad.json', JSON.stringify({ logLevel: 'loud', colour: 'red' }))
    expect(
      problemsOf({ TENANTRY_CONFIG: file, TENANTRY_PORT_DATA: '70000', TENANTRY_REGION: 'No Where', TENANTRY_PROT_DATA: '1' }),
    ).toEqual([
      'TENANTRY_PORT_DATA must be an integer from 0 to 65535',
      'TENANTRY_PROT_DATA is not a key of the configuration',
      'TENANTRY_REGION must be a DNS label',
      'colour is not a key of the configuration (in the file)',
      'logLevel must be one of fatal, error, warn, info, debug, trace, silent',
    ])
  })

  it.each(['', ' ', '1e3', '0x10', '9443 ', '1.5', '-1', 'NaN', '99999999999999999999'])('refuses %j as a port', (value) => {
    expect(problemsOf({ TENANTRY_PORT_DATA: value })).toEqual(['TENANTRY_PORT_DATA must be an integer from 0 to 65535'])
  })

  it('never tells a value, of a secret or of a broken file', () => {
    const file = write('broken.json', '{"operatorPassword": "hunter2-hunter2", }')
    const problems = problemsOf({ TENANTRY_CONFIG: file, TENANTRY_OPERATOR_PASSWORD: 'short-one', TENANTRY_REGION: 'S3CRET' }).join('\n')
    expect(problems).toContain('TENANTRY_OPERATOR_PASSWORD must be a text of at least 12 characters')
    expect(problems).not.toMatch(/hunter2|short-one|S3CRET/)
  })

  it('reads a secret from the file that its _FILE variant names, without the last line feed', () => {
    const config = loadConfig({ env: { TENANTRY_OPERATOR_PASSWORD_FILE: write('password', 'correct horse battery\n') } })
    expect(config.operatorPassword!.reveal()).toBe('correct horse battery')
  })

  it('refuses a secret given twice, and a secret file that is absent', () => {
    expect(problemsOf({ TENANTRY_OPERATOR_PASSWORD: 'x'.repeat(12), TENANTRY_OPERATOR_PASSWORD_FILE: '/x' })).toEqual([
      'TENANTRY_OPERATOR_PASSWORD_FILE and TENANTRY_OPERATOR_PASSWORD exclude each other',
    ])
    expect(problemsOf({ TENANTRY_OPERATOR_PASSWORD_FILE: join(dir, 'absent') })).toContain(
      "TENANTRY_OPERATOR_PASSWORD_FILE names a file that can't be read (ENOENT)",
    )
  })

  it('has no _FILE variant of what is not secret', () => {
    expect(problemsOf({ TENANTRY_REGION_FILE: '/x' })).toEqual(['TENANTRY_REGION_FILE is not a key of the configuration'])
  })

  it('wants all three certificate files or none', () => {
    expect(problemsOf({ TENANTRY_CERTIFICATE_FILE: 'a.pem' })).toHaveLength(1)
    expect(
      problemsOf({ TENANTRY_CERTIFICATE_FILE: 'a', TENANTRY_CERTIFICATE_KEY_FILE: 'b', TENANTRY_CERTIFICATE_AUTHORITY_FILE: 'c' }),
    ).toEqual([])
  })
})

describe('secret()', () => {
  const hidden = secret('hunter2')
  const printed = (value: unknown): string =>
    [
      String(value),
      `${value as string}`,
      JSON.stringify({ value }),
      inspect({ value }, { showHidden: true, depth: 5 }),
      Object.values(value as object).join(),
    ].join()

  it('prints in no way, and reveals when asked', () => {
    expect(printed(hidden)).not.toContain('hunter2')
    expect(hidden.reveal()).toBe('hunter2')
  })

  it('negative control: a plain object with the text does print', () => {
    expect(printed({ text: 'hunter2', toString: () => 'hunter2' })).toContain('hunter2')
  })
})
