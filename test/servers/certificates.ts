/**
 * A certificate authority for the length of a test, made with the `openssl` on PATH: certificates for servers and clients that it
 * signed, as PEM files in a temporary folder. Two of them know nothing of each other, which is what "wrong CA" means.
 */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runStep } from './cache.ts'
import { dataFolder, removeFolder } from './server-process.ts'

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const DAYS = ['-days', '2']
/** Names under which tests reach servers of this machine. */
const LOCAL_NAMES = ['localhost', '127.0.0.1']

export interface KeyPair {
  readonly certFile: string
  readonly keyFile: string
}

export interface CertificateAuthority {
  readonly folder: string
  readonly caFile: string
  /** For a server under these names and addresses; those of this machine unless told. */
  server(names?: readonly string[]): KeyPair
  /** For a client whose common name is this, which PostgreSQL takes for its user. */
  client(commonName: string): KeyPair
  remove(): void
}

export function createAuthority(): CertificateAuthority {
  const folder = dataFolder('certificates')
  chmodSync(folder, 0o755)
  const path = (name: string) => join(folder, name)
  const openssl = (...args: readonly string[]) =>
    runStep('Making certificates', ['openssl', ...args], { cwd: folder })
  let made = 0
  openssl(
    ...['req', '-x509', ...CURVE, ...DAYS, '-subj', '/CN=Tidewater tests'],
    ...['-keyout', path('ca.key'), '-out', path('ca.pem')],
  )

  function sign(commonName: string, extensions: readonly string[]): KeyPair {
    const name = `${++made}`
    const [keyFile, request, certFile] = [path(`${name}.key`), path(`${name}.csr`), path(`${name}.pem`)]
    const extensionFile = path(`${name}.ext`)
    writeFileSync(extensionFile, extensions.join('\n'))
    openssl('req', '-new', ...CURVE, '-subj', `/CN=${commonName}`, '-keyout', keyFile, '-out', request)
    openssl(
      ...['x509', '-req', ...DAYS, '-in', request, '-CA', path('ca.pem'), '-CAkey', path('ca.key')],
      ...['-CAcreateserial', '-extfile', extensionFile, '-out', certFile],
    )
    return { certFile, keyFile }
  }

  return {
    folder,
    caFile: path('ca.pem'),
    server(names = LOCAL_NAMES) {
      const alternatives = names.map(name => `${/^[\d.]+$/.test(name) ? 'IP' : 'DNS'}:${name}`)
      // Nodes of a Redis Cluster are servers and clients of each other.
      return sign(names[0] ?? '', [
        `subjectAltName=${alternatives.join(',')}`,
        'extendedKeyUsage=serverAuth,clientAuth',
      ])
    },
    client: commonName => sign(commonName, ['extendedKeyUsage=clientAuth']),
    remove: () => removeFolder(folder),
  }
}
