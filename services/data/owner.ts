import type { Call } from '../platform/mesh/call.js'

/** Whom a record that this call creates belongs to: its subject, else the workload. */
export const ownerOf = (call: Call): string => call.subject?.id ?? call.workload.spiffeId
