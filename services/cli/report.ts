import { AppError } from '../platform/mesh/errors.js'
import { UsageError } from './usage-error.js'

/** The command was understood, and what it asked for went wrong: exit code 1. */
export class CommandFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CommandFailed'
  }
}

export interface Report {
  exitCode: 1 | 2
  text: string
  /** With --json, on standard error. */
  json: Record<string, unknown>
}

/** How an error is told: with its reason and decision id where the platform gave them, and each field that was refused. */
export const report = (error: unknown): Report => {
  if (error instanceof UsageError) return { exitCode: 2, text: error.message, json: { error: 'USAGE', message: error.message } }
  if (error instanceof AppError) {
    const decisionId = error.metadata['decision_id']
    const fields = error.violations.map(({ field, description }) => `\n  ${field}: ${description}`).join('')
    return {
      exitCode: 1,
      text: `${error.reason}: ${error.message}${decisionId ? ` (decision ${decisionId})` : ''}${fields}`,
      json: {
        error: error.reason,
        code: error.code,
        message: error.message,
        ...(decisionId ? { decision_id: decisionId } : {}),
        violations: error.violations,
      },
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { exitCode: 1, text: message, json: { error: 'FAILED', message } }
}
