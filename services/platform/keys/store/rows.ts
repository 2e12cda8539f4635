/** A statement by name: the same name is always the same text. */
export interface KeyQuery {
  readonly name: string
  readonly text: string
  readonly values: unknown[]
}

/** What the key store needs of a connection pool: a subset of pg's, with the credential of one of the roles `keys_*`. */
export interface KeyPool {
  query(query: KeyQuery): Promise<{ rows: unknown[] }>
  end?(): Promise<void>
}

/** A wrapped key; null once destroyed. */
export interface WrappedRow {
  readonly wrapped: Buffer | null
}
export interface KekRow extends WrappedRow {
  readonly kms_key: string
}
export interface PairRow {
  readonly key_id: string
  readonly public_key: Buffer
}
export interface DataKeyRow extends WrappedRow {
  readonly key_id: string
}
