import { describe, expect, it } from '@jest/globals'
import { sentText, splitWith, writes } from './sql-text.js'

const statement = (text: string, rest: object = {}) => ({ name: 's', text, values: [], ...rest })

describe('splitWith()', () => {
  it('moves the parts of a with up', () => {
    const text = `with a as (select ')' as "x(" from t), b (x, y) as materialized (insert into u select f(1) returning *) select * from a`
    expect(splitWith(text)).toEqual({
      parts: [`a as (select ')' as "x(" from t)`, 'b (x, y) as materialized (insert into u select f(1) returning *)'],
      main: 'select * from a',
    })
  })
  it('takes text without with as it is', () => expect(splitWith(' update t set x = 1')).toEqual({ parts: [], main: ' update t set x = 1' }))
  it('refuses one that does not end', () => expect(() => splitWith('with a as (select 1')).toThrow())
})

describe('sentText()', () => {
  it('leaves a select alone, but for its schema', () =>
    expect(sentText(statement('select * from @.t'), 'pool')).toBe('select * from "pool".t'))
  it('refuses a change that does not say how many rows', () =>
    expect(() => sentText(statement('delete from @.t'), 'pool')).toThrow(/how many/))
  it('checks the count of a change and of a select alike', () => {
    expect(sentText(statement('select 1', { rows: 1 }), 'pool')).toContain('expect_rows(count(*), 1, 1) from changed')
    expect(sentText(statement('delete from @.t returning 1', { rows: { min: 0, max: 3 } }), 'pool')).toContain(
      'expect_rows(count(*), 0, 3)',
    )
  })
})

describe('writes()', () => {
  it('goes by what the statement says, else by its text', () => {
    expect(writes(statement('select 1'))).toBe(false)
    expect(writes(statement('select f()', { writes: true }))).toBe(true)
    expect(writes(statement('with a as (insert into t values (1)) select 1'))).toBe(true)
    expect(writes(statement('select 1', { also: ['x as (insert into t values (1))'] }))).toBe(true)
  })
})
