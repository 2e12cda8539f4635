/** What a made-up policy does when it is asked. */
export type Behaviour =
  /** `first` is what it answers to `{}`, when that is another thing. */
  | { does: 'answer'; text: string; first?: string }
  | { does: 'trap' }
  | { does: 'abort'; message: string }
  /** Reaches for a builtin of its host. */
  | { does: 'call' }
  /** Takes so many pages more, then answers; traps when it does not get them. */
  | { does: 'grow'; pages: number; text: string }

export interface FakePolicy {
  readonly behaviour: Behaviour
  /** JSON of the builtins that it says it needs. */
  readonly builtins?: string
  readonly entrypoints?: string
  readonly abi?: readonly [number, number]
  /** What parsing the data answers: 0 is a failure. */
  readonly parsed?: number
}

const BUILTINS = 1024
const ENTRYPOINTS = 2048
const MESSAGE = 3072
const ANSWER = 4096
const FIRST = 8192
const I32 = 0x7f

const unsigned = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)])
const signed = (value: number): number[] => {
  const low = value & 0x7f
  const rest = value >> 7
  const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
  return last ? [low] : [low | 0x80, ...signed(rest)]
}
const vector = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()]
const bytes = (content: number[]): number[] => [...unsigned(content.length), ...content]
const name = (text: string): number[] => bytes([...Buffer.from(text)])
const section = (id: number, items: number[][]): number[] => [id, ...bytes(vector(items))]
const constant = (value: number): number[] => [0x41, ...signed(value)]
const type = (parameters: number, results: number): number[] => [
  0x60,
  ...vector(Array<number[]>(parameters).fill([I32])),
  ...vector(Array<number[]>(results).fill([I32])),
]

const evalCode = (behaviour: Behaviour): number[] => {
  switch (behaviour.does) {
    case 'answer':
      // The length of the input, local 4, chooses.
      return [...constant(ANSWER), ...constant(FIRST), 0x20, 4, ...constant(2), 0x4a, 0x1b]
    case 'trap':
      return [0x00]
    case 'abort':
      return [...constant(MESSAGE), 0x10, 0, ...constant(0)]
    case 'call':
      return [...constant(7), ...constant(0), ...constant(0), 0x10, 1]
    case 'grow':
      // memory.grow; equal to -1: unreachable.
      return [...constant(behaviour.pages), 0x40, 0, ...constant(-1), 0x46, 0x04, 0x40, 0x00, 0x0b, ...constant(ANSWER)]
  }
}

/**
 * A module with the exports of OPA's ABI and nothing behind them, assembled by hand: what no compiler would give us (a policy that traps, takes memory, needs what
 * we have not, answers nonsense), without OPA and in a few hundred bytes.
 */
export const fakePolicy = (policy: FakePolicy): Buffer => {
  const { behaviour, builtins = '{}', entrypoints = '{"tenantry/entry/answer":0}', abi = [1, 3], parsed = 8 } = policy
  const text = 'text' in behaviour ? behaviour.text : ''
  const functions: [string, number, number[]][] = [
    ['opa_malloc', 1, constant(70_000)],
    ['opa_json_parse', 2, constant(parsed)],
    ['opa_json_dump', 1, [0x20, 0]],
    ['opa_heap_ptr_get', 0, constant(131_072)],
    ['opa_eval', 3, evalCode(behaviour)],
    ['builtins', 0, constant(BUILTINS)],
    ['entrypoints', 0, constant(ENTRYPOINTS)],
  ]
  const data = (at: number, content: string) => [0, ...constant(at), 0x0b, ...name(`${content}\0`)]
  return Buffer.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [type(0, 1), type(1, 1), type(2, 1), type(7, 1), type(1, 0), type(3, 1)]),
    ...section(2, [
      [...name('env'), ...name('memory'), 0x02, 0x00, 2],
      [...name('env'), ...name('opa_abort'), 0x00, 4],
      [...name('env'), ...name('opa_builtin1'), 0x00, 5],
    ]),
    ...section(
      3,
      functions.map(([, signature]) => [signature]),
    ),
    ...section(
      6,
      abi.map((version) => [I32, 0, ...constant(version), 0x0b]),
    ),
    ...section(7, [
      ...functions.map(([exported], index) => [...name(exported), 0x00, index + 2]),
      [...name('opa_wasm_abi_version'), 0x03, 0],
      [...name('opa_wasm_abi_minor_version'), 0x03, 1],
    ]),
    ...section(
      10,
      functions.map(([, , code]) => bytes([0, ...code, 0x0b])),
    ),
    ...section(11, [
      data(BUILTINS, builtins),
      data(ENTRYPOINTS, entrypoints),
      data(MESSAGE, behaviour.does === 'abort' ? behaviour.message : ''),
      data(ANSWER, text),
      data(FIRST, behaviour.does === 'answer' ? (behaviour.first ?? text) : ''),
    ]),
  ])
}
