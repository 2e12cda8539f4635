import { describe, expect, it } from '@jest/globals'
import { readAnswer } from './answer.js'

const answer = (result: unknown) => JSON.stringify([{ result }])

describe('readAnswer()', () => {
  it('allows only by true', () => {
    expect(readAnswer(answer({ allow: true, reason: '', obligations: {} }))).toEqual({ allow: true, reason: '', obligations: undefined })
    for (const allow of ['true', 1, {}, [true], null, undefined]) {
      expect(() => readAnswer(answer({ allow, reason: '', obligations: {} }))).toThrow('another shape')
    }
  })

  it('reads obligations, and refuses one that nobody could keep', () => {
    const given = { max_classification: 'internal', row_filter: { owner: 'usr_1' } }
    expect(readAnswer(answer({ allow: true, reason: '', obligations: given }))).toMatchObject({
      allow: true,
      obligations: { maxClassification: 'internal', rowFilter: { owner: 'usr_1' } },
    })
    expect(() => readAnswer(answer({ allow: true, reason: '', obligations: { unheard_of: 1 } }))).toThrow()
  })

  it('turns a second factor that is asked for into a denial: nobody can give one yet', () => {
    const read = readAnswer(answer({ allow: true, reason: '', obligations: { require: 'mfa' } }))
    expect(read).toEqual({ allow: false, reason: 'STEP_UP_REQUIRED', obligations: undefined })
  })

  it('denies for reasons of the platform only', () => {
    expect(readAnswer(answer({ allow: false, reason: 'NOT_OWNER', obligations: {} }))).toMatchObject({ allow: false, reason: 'NOT_OWNER' })
    for (const reason of ['', 'toString', '__proto__', 'UNHEARD_OF']) {
      expect(() => readAnswer(answer({ allow: false, reason, obligations: {} }))).toThrow('unknown reason')
    }
  })
})
