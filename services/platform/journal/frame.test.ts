import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { crc32c } from './crc32c.js'
import { FRAME_HEAD, frame, FrameType, MAX_PAYLOAD, scan } from './frame.js'

const read = (bytes: Buffer) => {
  const bodies: Buffer[] = []
  const end = scan(bytes, 0, (type, body) => {
    expect(type).toBe(FrameType.RECORD)
    bodies.push(Buffer.from(body))
  })
  return { bodies, ...end }
}

describe('crc32c()', () => {
  it('gives the check values of RFC 3720, B.4', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e)
  })
})

describe('scan()', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 })
  const write = (list: readonly Uint8Array[]) => Buffer.concat(list.map((body) => frame(FrameType.RECORD, body)))

  it('reads back what was framed, up to the zeros behind it', () => {
    fc.assert(
      fc.property(bodies, fc.nat(40), (list, zeros) => {
        const written = write(list)
        const result = read(Buffer.concat([written, Buffer.alloc(zeros)]))
        expect(result).toMatchObject({ at: written.length, why: 'end' })
        expect(result.bodies.map((body) => body.toString('hex'))).toEqual(list.map((body) => Buffer.from(body).toString('hex')))
      }),
    )
  })

  it('takes whole frames only, wherever the bytes end', () => {
    const list = [Buffer.from('one'), Buffer.alloc(50, 1), Buffer.from('three')]
    const written = write(list)
    let at = 0
    const ends = list.map((body) => (at += FRAME_HEAD + 1 + body.length))
    for (let cut = 0; cut <= written.length; cut++) {
      const result = read(written.subarray(0, cut))
      expect(result.bodies).toHaveLength(ends.filter((end) => end <= cut).length)
      expect(result.why).toBe(cut === 0 || ends.includes(cut) ? 'end' : 'partial')
    }
  })

  it('stops before a frame with any flipped bit', () => {
    const written = write([Buffer.from('first'), Buffer.from('second')])
    const second = FRAME_HEAD + 1 + 'first'.length
    for (let i = second; i < written.length; i++) {
      const flipped = Buffer.from(written)
      flipped[i]! ^= 0x10
      const result = read(flipped)
      expect(result.bodies).toHaveLength(1)
      expect(result).toMatchObject({ at: second, why: i < second + 4 ? expect.any(String) : 'damaged' })
      expect(result.why).not.toBe('end')
    }
    const long = Buffer.alloc(16)
    long.writeUInt32LE(MAX_PAYLOAD + 1)
    expect(read(long).why).toBe('damaged')
  })
})
