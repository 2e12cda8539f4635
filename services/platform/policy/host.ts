/** How much memory an instance may have, in pages of 64 KiB. */
export interface MemoryLimits {
  /** Preallocated: the first evaluations need not grow it. */
  readonly initialPages: number
  /** Never exceeded; an instance that reaches it is thrown away and a new one takes its place. */
  readonly maximumPages: number
}

export const MEMORY: MemoryLimits = { initialPages: 64, maximumPages: 512 }

/** Longest input that is evaluated, in UTF-16 units. A call's input is about a thousand. */
export const MAX_INPUT = 256 * 1024

/**
 * A policy compiled by OPA to WebAssembly, ready to be asked: a small host over OPA's ABI 1.2 and later (https://www.openpolicyagent.org/docs/wasm).
 * It gives the policy no builtin of its own: what the module itself does not have is refused at load, because OPA would fail only where it is reached.
 */
export interface PolicyHost {
  /** JSON of the result set for an input in JSON. Throws on a trap, an abort, and an input that is too long; the next call finds a new instance. */
  evaluate(input: string): string
  /** Bytes that the present instance has taken. */
  memoryBytes(): number
  /** How many instances were made so far: the first, and one for each that was thrown away. */
  instances(): number
}

interface Exports {
  opa_malloc(size: number): number
  opa_json_parse(address: number, length: number): number
  opa_json_dump(address: number): number
  opa_heap_ptr_get(): number
  opa_eval(reserved: number, entrypoint: number, data: number, input: number, length: number, heap: number, format: number): number
  builtins(): number
  entrypoints(): number
  opa_wasm_abi_version: WebAssembly.Global
  opa_wasm_abi_minor_version: WebAssembly.Global
}

interface Instance {
  readonly exports: Exports
  readonly memory: WebAssembly.Memory
  bytes: Buffer
  readonly data: number
  readonly heap: number
  readonly entrypoint: number
}

const PAGE = 65_536

const viewOf = (memory: WebAssembly.Memory): Buffer => Buffer.from(memory.buffer)

/** The text that ends at the first NUL. */
const textAt = (bytes: Buffer, address: number): string => bytes.toString('utf8', address, bytes.indexOf(0, address))

const refused = (): never => {
  throw new Error('the policy reached for a builtin of its host: it has none')
}

const parse = (text: string): Record<string, number> => JSON.parse(text) as Record<string, number>

/** Makes an instance and gives it its data; throws if the module asks for anything that we do not give. */
const instantiate = (module: WebAssembly.Module, data: string, entrypoint: string, limits: MemoryLimits): Instance => {
  const memory = new WebAssembly.Memory({ initial: limits.initialPages, maximum: limits.maximumPages })
  const abort = (address: number): never => {
    throw new Error(`the policy aborted: ${textAt(viewOf(memory), address)}`)
  }
  const env = {
    memory,
    opa_abort: abort,
    opa_println: () => undefined,
    opa_builtin0: refused,
    opa_builtin1: refused,
    opa_builtin2: refused,
    opa_builtin3: refused,
    opa_builtin4: refused,
  }
  const exports = new WebAssembly.Instance(module, { env }).exports as unknown as Exports
  const major = exports.opa_wasm_abi_version.value as number
  const minor = exports.opa_wasm_abi_minor_version.value as number
  if (major !== 1 || minor < 2) throw new Error(`the policy has ABI ${major}.${minor}, not 1.2 or later`)
  const missing = Object.keys(parse(textAt(viewOf(memory), exports.opa_json_dump(exports.builtins()))))
  if (missing.length > 0) throw new Error(`the policy needs builtins that its host has not: ${missing.join(', ')}`)
  const entry = Object.entries(parse(textAt(viewOf(memory), exports.opa_json_dump(exports.entrypoints())))).find(
    ([name]) => name === entrypoint,
  )
  if (entry === undefined) throw new Error(`the policy has no entry ${entrypoint}`)
  const text = Buffer.from(data)
  const address = exports.opa_malloc(text.length)
  viewOf(memory).set(text, address)
  const parsed = exports.opa_json_parse(address, text.length)
  if (parsed === 0) throw new Error('the data of the policy is not JSON')
  return { exports, memory, bytes: viewOf(memory), data: parsed, heap: exports.opa_heap_ptr_get(), entrypoint: entry[1] }
}

const evaluate = (instance: Instance, input: string): string => {
  const room = instance.heap + input.length * 3
  if (room > instance.memory.buffer.byteLength) instance.memory.grow(Math.ceil((room - instance.memory.buffer.byteLength) / PAGE))
  if (instance.bytes.buffer !== instance.memory.buffer) instance.bytes = viewOf(instance.memory)
  const length = instance.bytes.write(input, instance.heap, 'utf8')
  const { exports, data, heap, entrypoint } = instance
  const address = exports.opa_eval(0, entrypoint, data, heap, length, heap + length, 0)
  // Evaluating may have grown the memory, which detaches every view of it.
  if (instance.bytes.buffer !== instance.memory.buffer) instance.bytes = viewOf(instance.memory)
  return textAt(instance.bytes, address)
}

/** Loads a policy. Throws when it can't be instantiated, needs a builtin, lacks the entry, or its data is not JSON. */
export const createHost = (module: WebAssembly.Module, data: string, entrypoint: string, limits: MemoryLimits = MEMORY): PolicyHost => {
  let made = 1
  let instance: Instance | undefined = instantiate(module, data, entrypoint, limits)
  return {
    evaluate: (input) => {
      if (input.length > MAX_INPUT) throw new Error(`an input of ${input.length} characters is too long`)
      if (instance === undefined) {
        instance = instantiate(module, data, entrypoint, limits)
        made++
      }
      const current = instance
      // A trap leaves the instance in a state that nobody can know: it is not asked again.
      instance = undefined
      const result = evaluate(current, input)
      if (current.memory.buffer.byteLength < limits.maximumPages * PAGE) instance = current
      return result
    },
    memoryBytes: () => instance?.memory.buffer.byteLength ?? 0,
    instances: () => made,
  }
}
