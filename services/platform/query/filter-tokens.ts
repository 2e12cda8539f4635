import { AppError } from '../mesh/errors.js'

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | ':'

export type Token =
  | { kind: 'open' | 'close' | 'and' | 'or' | 'not' | 'minus' | 'end'; at: number }
  | { kind: 'operator'; operator: Operator; at: number }
  /** Bare text, as in a field, a number or `true`. */
  | { kind: 'word'; text: string; at: number }
  | { kind: 'string'; text: string; at: number }

/** INVALID_FILTER at a position (0-based, in UTF-16 units) of the filter; never with a value of the caller's in it. */
export const invalidFilter = (at: number, problem: string, field?: string): AppError => {
  const description = `at position ${at}${field === undefined ? '' : `, ${field}`}: ${problem}`
  return new AppError('INVALID_FILTER', `filter: ${description}`, { violations: [{ field: 'filter', description }] })
}

const SPACE = /[ \t\r\n]+/y
const OPERATOR = /!=|<=|>=|[=<>:]/y
const NAME = /[^\s()"'=!<>:\\]+/y
// Only a value may have colons in it, as the time of day has: `time>2026-01-02T03:04:05Z` needs no quotes.
const WORD = /[^\s()"'=!<>\\]+/y
const KEYWORDS: Readonly<Record<string, 'and' | 'or' | 'not'>> = { AND: 'and', OR: 'or', NOT: 'not' }
// What Postgres cannot store as text, or would store as something else.
const UNSTORABLE = /\0|\p{Surrogate}/u

/** Splits a filter into tokens. Quotes are `"` or `'`; a backslash keeps the character after it. */
export const tokenize = (text: string): Token[] => {
  const bad = UNSTORABLE.exec(text)
  if (bad) throw invalidFilter(bad.index, 'character not allowed')
  const tokens: Token[] = []
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  while (at < text.length) {
    const char = text[at]!
    const space = match(SPACE)
    if (space !== undefined) {
      at += space.length
      continue
    }
    if (char === '(' || char === ')') {
      tokens.push({ kind: char === '(' ? 'open' : 'close', at })
      at += 1
      continue
    }
    if (char === '"' || char === "'") {
      const { value, end } = quoted(text, at)
      tokens.push({ kind: 'string', text: value, at })
      at = end
      continue
    }
    const operator = match(OPERATOR)
    if (operator !== undefined) {
      tokens.push({ kind: 'operator', operator: operator as Operator, at })
      at += operator.length
      continue
    }
    // A minus before a term negates it; after an operator it belongs to a number.
    if (char === '-' && tokens.at(-1)?.kind !== 'operator') {
      tokens.push({ kind: 'minus', at })
      at += 1
      continue
    }
    const word = match(tokens.at(-1)?.kind === 'operator' ? WORD : NAME)
    if (word === undefined) throw invalidFilter(at, 'unexpected character')
    const keyword = Object.hasOwn(KEYWORDS, word) ? KEYWORDS[word] : undefined
    tokens.push(keyword === undefined ? { kind: 'word', text: word, at } : { kind: keyword, at })
    at += word.length
  }
  tokens.push({ kind: 'end', at })
  return tokens
}

const quoted = (text: string, start: number): { value: string; end: number } => {
  const quote = text[start]
  let value = ''
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === quote) return { value, end: i + 1 }
    if (text[i] === '\\') i += 1
    value += text[i] ?? ''
  }
  throw invalidFilter(start, 'string without end')
}
