import type { DescMessage, MessageShape, Registry } from '@bufbuild/protobuf'
import { toJson } from '@bufbuild/protobuf'

/** Where a command's result goes: JSON lines for programs, tables for people. */
export interface Output {
  readonly json: boolean
  /** One object: a JSON line, or the text. */
  object(value: unknown, text: string): void
  /** One message: a JSON line in proto3 JSON form with proto field names, or the text. */
  message<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>, text: string): void
  table(rows: readonly Record<string, string>[]): void
  /** For people only: nothing with --json. */
  note(text: string): void
}

export const createOutput = (json: boolean, write: (text: string) => void, registry: Registry): Output => ({
  json,
  object: (value, text) => write(`${json ? JSON.stringify(value) : text}\n`),
  message: (desc, message, text) =>
    write(`${json ? JSON.stringify(toJson(desc, message, { useProtoFieldName: true, registry })) : text}\n`),
  table: (rows) => {
    if (json) return
    for (const line of layout(rows)) write(`${line}\n`)
  },
  note: (text) => {
    if (!json) write(`${text}\n`)
  },
})

/** Columns padded to their widest cell; control characters shown as escapes, so that no value can move the cursor. */
export const layout = (rows: readonly Record<string, string>[]): string[] => {
  if (rows.length === 0) return ['(none)']
  const names = Object.keys(rows[0]!)
  const cells = [names.map((name) => name.toUpperCase()), ...rows.map((row) => names.map((name) => printable(row[name] ?? '')))]
  const widths = names.map((_, column) => Math.max(...cells.map((row) => [...row[column]!].length)))
  return cells.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat(widths[column]! - [...cell].length))
      .join('  ')
      .trimEnd(),
  )
}

/** Text without control characters, bidirectional overrides and line separators. */
export const printable = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
