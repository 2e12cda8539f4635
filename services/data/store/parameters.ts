/** The bind parameters of a statement whose text is put together from parts. */
export interface Parameters {
  readonly values: unknown[]
  /** Text of a part whose parameters begin at the given number; its values join the others. */
  add(part: (firstParam: number) => { text: string; values: readonly unknown[] }): string
  /** One value, as `$n`. */
  bind(value: unknown): string
}

export const parameters = (...values: unknown[]): Parameters => ({
  values,
  add: (part) => {
    const { text, values: more } = part(values.length + 1)
    values.push(...more)
    return text
  },
  bind: (value) => `$${values.push(value)}`,
})
