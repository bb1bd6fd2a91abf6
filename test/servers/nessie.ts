/**
 * Nessie as an Iceberg REST catalog, its tables' state in memory, their files in a bucket, on free loopback ports. Starting it takes
 * some five seconds, twice as long on a busy machine.
 *
 * With `openid` it asks everyone for a token of that provider: the subject `writer` may do everything, `reader` may only read.
 */
import { installNessie, NESSIE_MIN_JAVA } from './install.ts'
import { findJava } from './java.ts'
import type { RestCatalogServer, S3Storage } from './rest-catalog.ts'
import { answersOk, dataFolder, freePort, removeFolder, startProcess } from './server-process.ts'

export interface NessieServer extends RestCatalogServer {
  /** Nessie's own API, which knows branches and commits. */
  readonly apiUri: string
}

export interface NessieOptions {
  readonly s3: S3Storage
  /** Whoever calls needs a token of this provider; what each may do is told by the subject of the token. */
  readonly openid?: { readonly issuer: string; readonly client: string }
}

/** Subjects of tokens, when it asks for them. */
export const NESSIE_WRITER = 'writer'
export const NESSIE_READER = 'reader'

const WAREHOUSE = 'lake'

export async function startNessie({ s3, openid }: NessieOptions): Promise<NessieServer> {
  const jar = await installNessie()
  const folder = dataFolder('nessie')
  const [port, managementPort] = [await freePort(), await freePort()]
  const location = `s3://${s3.bucket}/nessie`
  const settings = { ...settingsOf({ port, managementPort, location, s3 }), ...(openid && usersOf(openid)) }
  const server = await startProcess({
    name: 'Nessie',
    program: findJava(NESSIE_MIN_JAVA, 'Nessie'),
    args: [
      ...['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
      ...Object.entries(settings).map(([key, value]) => `-D${key}=${value}`),
      ...['-jar', jar],
    ],
    cwd: folder,
    isReady: () => answersOk(`http://127.0.0.1:${managementPort}/q/health/ready`),
  })
  return {
    uri: `http://127.0.0.1:${port}/iceberg`,
    apiUri: `http://127.0.0.1:${port}/api/v2`,
    warehouse: WAREHOUSE,
    location,
    async stop() {
      await server.stop()
      removeFolder(folder)
    },
  }
}

function settingsOf(of: {
  readonly port: number
  readonly managementPort: number
  readonly location: string
  readonly s3: S3Storage
}) {
  const { port, managementPort, location, s3 } = of
  return {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': port,
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': managementPort,
    'nessie.catalog.default-warehouse': WAREHOUSE,
    [`nessie.catalog.warehouses.${WAREHOUSE}.location`]: location,
    'nessie.catalog.service.s3.default-options.endpoint': s3.endpoint,
    'nessie.catalog.service.s3.default-options.path-style-access': true,
    'nessie.catalog.service.s3.default-options.region': s3.region,
    'nessie.catalog.service.s3.default-options.access-key': 'urn:nessie-secret:quarkus:s3-keys',
    's3-keys.name': s3.accessKeyId,
    's3-keys.secret': s3.secretAccessKey,
  }
}

const READING = ['VIEW_REFERENCE', 'READ_ENTRIES', 'READ_CONTENT_KEY', 'LIST_COMMIT_LOG', 'READ_ENTITY_VALUE']

function usersOf({ issuer, client }: { readonly issuer: string; readonly client: string }) {
  const operations = READING.map(name => `'${name}'`).join(',')
  return {
    'nessie.server.authentication.enabled': true,
    'quarkus.oidc.auth-server-url': issuer,
    'quarkus.oidc.client-id': client,
    'nessie.server.authorization.enabled': true,
    'nessie.server.authorization.rules.writes': `role=='${NESSIE_WRITER}'`,
    'nessie.server.authorization.rules.reads': `role=='${NESSIE_READER}' && op in [${operations}]`,
  }
}
