/** Versions as base64 of variable-length integers (7 bits a byte, low ones first): the answers of 500 writes fit in 4 KiB. */
export const packVersions = (versions: readonly bigint[]): string => {
  const bytes: number[] = []
  for (let version of versions) {
    for (; version > 127n; version >>= 7n) bytes.push(Number(version & 127n) | 128)
    bytes.push(Number(version))
  }
  return Buffer.from(bytes).toString('base64')
}

export const unpackVersions = (text: string): bigint[] => {
  const versions: bigint[] = []
  let value = 0n
  let shift = 0n
  for (const byte of Buffer.from(text, 'base64')) {
    value |= BigInt(byte & 127) << shift
    shift += 7n
    if (byte < 128) {
      versions.push(value)
      value = 0n
      shift = 0n
    }
  }
  return versions
}
