/** What one check found. */
export interface Finding {
  readonly what: string
  readonly ok: boolean
  readonly detail: string
}
