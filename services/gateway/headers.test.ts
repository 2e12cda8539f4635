import { describe, expect, it } from '@jest/globals'
import { passedHeaders } from './headers.js'

describe('passedHeaders()', () => {
  it('drops internal and forwarding headers in every spelling', () => {
    const raw = [
      'Authorization',
      'Bearer x',
      'X-Tenant-Id',
      't',
      'x-FORWARDED-for',
      '1.2.3.4',
      'X-Forwarded-Client-Cert',
      'c',
      'Tenantry-Client-Address',
      '9.9.9.9',
    ]
    raw.push(
      'TENANTRY-DECISION-ID',
      'd',
      'tenantry-anything-bin',
      'eA==',
      'Forwarded',
      'for=1',
      'grpc-timeout',
      '1S',
      'Traceparent',
      '00-1',
    )
    const { headers, problem } = passedHeaders(raw)
    expect(headers).toEqual({ authorization: 'Bearer x', traceparent: '00-1' })
    expect(problem).toBeUndefined()
  })

  it('refuses a credential that is sent twice or joined', () => {
    expect(passedHeaders(['authorization', 'Bearer a', 'Authorization', 'Bearer b']).problem?.reason).toBe('INVALID_METADATA')
    expect(passedHeaders(['authorization', 'Bearer a, Bearer b']).problem?.reason).toBe('INVALID_METADATA')
  })
})
