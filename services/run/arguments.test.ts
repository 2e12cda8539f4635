import { describe, expect, it } from '@jest/globals'
import { loadConfig } from '../platform/config/load.js'
import { ENDPOINTS } from '../platform/runtime/endpoints.js'
import { UsageError, parseArguments } from './arguments.js'
import { withPorts } from './ports.js'

describe('parseArguments()', () => {
  it('takes a port for the gateway, and 0 for everything', () => {
    expect(parseArguments(['all', '--port', '9000', '--state-dir', '/x', '--fresh'])).toEqual({
      mode: 'all',
      fresh: true,
      overrides: { stateDir: '/x', portGateway: 9000 },
    })
    expect(Object.values(parseArguments(['mesh', '--port', '0']).overrides)).toEqual([0, 0, 0, 0, 0, 0])
  })

  it.each([[['none']], [['all', '--port', '70000']], [['all', '--colour', 'red']], [['all', 'extra']]])(
    'refuses %j with the usage',
    (argv) => {
      expect(() => parseArguments(argv)).toThrow(UsageError)
      expect(() => parseArguments(argv)).toThrow(/usage: npm start/)
    },
  )
})

describe('withPorts()', () => {
  it('gives each service on port 0 a port of its own with a free one for metrics above it, and leaves the others', async () => {
    const config = loadConfig({ env: {}, overrides: { ...parseArguments(['all', '--port', '0']).overrides, portData: 9443 } })
    const chosen = await withPorts(config)
    const ports = Object.values(ENDPOINTS).map(({ port }) => chosen[port])
    expect(new Set(ports).size).toBe(6)
    expect(ports.every((port) => port > 0 && port + chosen.metricsPortOffset < 65_536)).toBe(true)
    expect(chosen.portData).toBe(9443)
  })
})
