import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { bits, boolean, element, integer, octets, oid, parse, sequence, set, time, utf8 } from './der.js'

/** What a certificate is to say (RFC 5280). */
export interface CertificateTemplate {
  readonly commonName: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly isCa: boolean
  /** URI names; an X.509-SVID has exactly one. */
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  /** Names of key usage bits; digitalSignature for a leaf, keyCertSign and cRLSign for a CA when left out; null for no such extension. */
  readonly keyUsage?: readonly KeyUsage[] | null
  /** `server`, `client`: both for a leaf when left out. */
  readonly purposes?: readonly ('server' | 'client')[]
}

export type KeyUsage = 'digitalSignature' | 'keyCertSign' | 'cRLSign'

/** Bits as RFC 5280 numbers them, in the one octet that they share. */
const KEY_USAGE: Record<KeyUsage, number> = { digitalSignature: 0x80, keyCertSign: 0x04, cRLSign: 0x02 }
const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const PURPOSES = { server: oid('1.3.6.1.5.5.7.3.1'), client: oid('1.3.6.1.5.5.7.3.2') }

export interface Pair {
  readonly certificate: Buffer
  readonly key: KeyObject
}

export const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`

/** An ECDSA P-256 key in PKCS #8. */
export const newKey = (): KeyObject =>
  createPrivateKey(
    generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    }).privateKey,
  )

const name = (commonName: string): Buffer =>
  sequence(set(sequence(oid('2.5.4.10'), utf8('Tenantry'))), set(sequence(oid('2.5.4.3'), utf8(commonName))))

const address = (ip: string): Buffer => {
  if (isIP(ip) === 4) return Buffer.from(ip.split('.').map(Number))
  const [head = '', tail = ''] = ip.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros = ip.includes('::') ? Array<string>(8 - left.length - right.length).fill('0') : []
  return Buffer.from([...left, ...zeros, ...right].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]))
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  critical ? sequence(oid(id), boolean(true), octets(value)) : sequence(oid(id), octets(value))

const keyIdentifier = (key: KeyObject): Buffer =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }) as Buffer)
    .digest()
    .subarray(0, 20)

const extensions = (template: CertificateTemplate, subject: KeyObject, issuer: KeyObject): Buffer => {
  const names = [
    ...(template.uris ?? []).map((uri) => element(0x86, Buffer.from(uri, 'latin1'))),
    ...(template.dns ?? []).map((dns) => element(0x82, Buffer.from(dns, 'latin1'))),
    ...(template.ips ?? []).map((ip) => element(0x87, address(ip))),
  ]
  const usage =
    template.keyUsage === undefined
      ? template.isCa
        ? ['keyCertSign' as const, 'cRLSign' as const]
        : ['digitalSignature' as const]
      : template.keyUsage
  const mask = usage?.reduce((sum, bit) => sum | KEY_USAGE[bit], 0) ?? 0
  const unused = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask)
  const purposes = template.purposes ?? (template.isCa ? [] : ['server' as const, 'client' as const])
  return sequence(
    extension('2.5.29.19', true, template.isCa ? sequence(boolean(true)) : sequence()),
    ...(usage === null ? [] : [extension('2.5.29.15', true, bits(Buffer.from([mask]), unused))]),
    ...(purposes.length === 0 ? [] : [extension('2.5.29.37', false, sequence(...purposes.map((purpose) => PURPOSES[purpose])))]),
    ...(names.length === 0 ? [] : [extension('2.5.29.17', false, sequence(...names))]),
    extension('2.5.29.14', false, octets(keyIdentifier(subject))),
    extension('2.5.29.35', false, sequence(element(0x80, keyIdentifier(issuer)))),
  )
}

/** Makes a certificate for a public key, signed by an issuer (itself, where none is given). DER. */
export const makeCertificate = (template: CertificateTemplate, key: KeyObject, issuer?: Pair): Buffer => {
  const subjectKey = key.type === 'private' ? createPublicKey(key) : key
  const issuerKey = createPublicKey(issuer?.key ?? key)
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    element(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_SHA256,
    issuer === undefined ? name(template.commonName) : subjectName(issuer.certificate),
    sequence(time(template.notBefore), time(template.notAfter)),
    name(template.commonName),
    subjectKey.export({ type: 'spki', format: 'der' }) as Buffer,
    element(0xa3, extensions(template, subjectKey, issuerKey)),
  )
  return sequence(body, ECDSA_SHA256, bits(sign('sha256', body, issuer?.key ?? key)))
}

/** Fields of the body by position, the optional version left out. */
const bodyOf = (der: Uint8Array) => {
  const [certificate] = parse(der)
  const [body] = parse(certificate!.value)
  const fields = parse(body!.value)
  return fields[0]!.tag === 0xa0 ? fields.slice(1) : fields
}

const subjectName = (der: Uint8Array): Buffer => bodyOf(der)[4]!.whole

/** What the X.509-SVID specification asks of a certificate. */
export interface CertificateFacts {
  readonly uris: readonly string[]
  readonly isCa: boolean
  /** Bits of the key usage extension; undefined where there is none. */
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined
}

/** Reads URI names, CA flag and key usage of a DER certificate, byte for byte. Throws on what is not DER or repeats an extension. */
export const readCertificate = (der: Uint8Array): CertificateFacts => {
  const found = new Map<string, Buffer>()
  const list = bodyOf(der).find((field) => field.tag === 0xa3)
  for (const item of list === undefined ? [] : parse(parse(list.value)[0]!.value)) {
    const parts = parse(item.value)
    const id = parts[0]!.whole.toString('hex')
    if (found.has(id)) throw new Error('an extension twice')
    found.set(id, parts[parts.length - 1]!.value)
  }
  const value = (id: string) => found.get(oid(id).toString('hex'))
  const names = value('2.5.29.17')
  const constraints = value('2.5.29.19')
  const usage = value('2.5.29.15')
  const mask = usage === undefined ? 0 : (parse(usage)[0]!.value[1] ?? 0)
  return {
    uris:
      names === undefined
        ? []
        : parse(parse(names)[0]!.value)
            .filter((node) => node.tag === 0x86)
            .map((node) => node.value.toString('latin1')),
    isCa: constraints !== undefined && parse(parse(constraints)[0]!.value).some((node) => node.tag === 0x01 && node.value[0] !== 0),
    keyUsage:
      usage === undefined ? undefined : new Set((Object.keys(KEY_USAGE) as KeyUsage[]).filter((bit) => (mask & KEY_USAGE[bit]) !== 0)),
  }
}
