/** A certificate with its key and whom it trusts, all PEM. `cert` may carry intermediates after the leaf; `ca` may hold several, while a CA rotates. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** Where a workload's certificate comes from, while running: the development CA, or files that SPIRE or cert-manager write. */
export interface CertificateSource {
  /** The pair in force. Always one that was checked. */
  current(): Certificate
  /** Called after each change. The answer ends the subscription. */
  onChange(listener: (certificate: Certificate) => void): () => void
  close(): void
}

/** What became of a renewal: counted by metrics, logged by the source. */
export type ReloadReport = (outcome: 'renewed' | 'refused') => void

/** The subscriptions of a source. */
export const listeners = () => {
  const all = new Set<(certificate: Certificate) => void>()
  return {
    add(listener: (certificate: Certificate) => void): () => void {
      all.add(listener)
      return () => all.delete(listener)
    },
    tell(certificate: Certificate): void {
      for (const listener of all) listener(certificate)
    },
  }
}
