import { join } from 'node:path'
import type { Logger } from 'pino'
import type { ServiceName } from '../mesh/call.js'
import { fileSource } from '../mesh/certificates/files.js'
import { issuedSource, keepInFiles } from '../mesh/certificates/issued.js'
import type { CertificateSource } from '../mesh/certificates/source.js'
import { serviceSpiffeId } from '../mesh/workload.js'
import type { Host } from './host.js'

type Files = Pick<Host, 'config' | 'authority'>

/** From the development CA, kept beside as files for tools that read them. */
const issued = async ({ config, authority }: Files, name: string, spiffeId: string | undefined): Promise<CertificateSource> => {
  if (authority === undefined) throw new Error('no certificate, and no development CA to issue one')
  const dns = ['localhost', ...(config.host.match(/[a-z]/i) ? [config.host] : [])]
  const source = issuedSource({ authority, spiffeId, dns, ttlMs: config.certificateSeconds * 1000 })
  const folder = spiffeId === undefined ? config.stateDir : join(config.stateDir, 'certs')
  await keepInFiles(source, folder, name)
  return source
}

/** The service's X.509-SVID: from the files that the configuration names, else from the development CA. */
export const workloadSource = async (host: Files, service: ServiceName, log: Logger): Promise<CertificateSource> => {
  const { certificateFile, certificateKeyFile, certificateAuthorityFile, trustDomain, region } = host.config
  if (certificateFile === undefined) return issued(host, service, serviceSpiffeId(trustDomain, region, service))
  return fileSource({ certFile: certificateFile, keyFile: certificateKeyFile!, caFile: certificateAuthorityFile!, trustDomain, log })
}

/** The edge's certificate, which browsers see: no SPIFFE id in it. */
export const edgeSource = async (host: Files, log: Logger): Promise<CertificateSource> => {
  const { edgeCertificateFile, edgeKeyFile, edgeAuthorityFile } = host.config
  if (edgeCertificateFile === undefined) return issued(host, 'edge', undefined)
  return fileSource({ certFile: edgeCertificateFile, keyFile: edgeKeyFile!, caFile: edgeAuthorityFile!, log })
}
