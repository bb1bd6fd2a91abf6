/** Every kind of catalog that Tidewater publishes to, on servers of this machine that count what they are asked. */
import { startFaultProxy } from '../../test/servers/fault-proxy.ts'
import { startGlueServer } from '../../test/servers/glue.ts'
import { startIcebergRest } from '../../test/servers/iceberg-rest.ts'
import { startNessie } from '../../test/servers/nessie.ts'
import { type S3Server, startS3Server } from '../../test/servers/s3-server.ts'

export interface BenchedCatalog {
  readonly catalog: 'embedded' | 'rest' | 'glue'
  readonly server: 'none' | 'iceberg-rest' | 'nessie' | 'moto'
  /** Of the warehouse. Nessie takes tables in object stores alone. */
  readonly store: 'folder' | 's3'
  /** The key `warehouse` of the configuration, the path of a folder being the configuration's own. */
  readonly warehouse: unknown
  /** Beside `name` in the configuration. */
  readonly settings: Readonly<Record<string, string>>
  /** Everything that the server has been asked since it started. */
  requests(): number
}

export interface BenchedCatalogs {
  readonly catalogs: readonly BenchedCatalog[]
  /** The secrets that the configurations name. */
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

const BUCKET = 'bench'
const FOLDER = 'file:./warehouse'

export async function startCatalogs(): Promise<BenchedCatalogs> {
  const stops: (() => Promise<void>)[] = []
  const started = async <Server extends { stop(): Promise<void> }>(start: Promise<Server>) => {
    const server = await start
    stops.push(() => server.stop())
    return server
  }
  const stop = async () => {
    for (const one of stops.reverse()) await one()
  }
  try {
    const s3 = await started(startS3Server())
    await s3.createBucket(BUCKET)
    const reference = await started(startIcebergRest())
    const referenceLine = await started(startFaultProxy(reference.uri))
    const nessie = await started(startNessie({ s3: { ...s3, bucket: BUCKET } }))
    const { origin, pathname } = new URL(nessie.uri)
    const nessieLine = await started(startFaultProxy(origin))
    const glue = await started(startGlueServer())
    const embedded = { catalog: 'embedded', server: 'none', settings: { type: 'embedded' } } as const
    return {
      catalogs: [
        { ...embedded, store: 'folder', warehouse: FOLDER, requests: () => 0 },
        {
          catalog: 'rest',
          server: 'iceberg-rest',
          store: 'folder',
          warehouse: FOLDER,
          settings: { type: 'rest', uri: referenceLine.endpoint },
          requests: () => referenceLine.seen.length,
        },
        {
          catalog: 'glue',
          server: 'moto',
          store: 'folder',
          warehouse: FOLDER,
          settings: {
            type: 'glue',
            region: glue.region,
            endpoint: glue.endpoint,
            access_key_id: `\${GLUE_KEY}`,
            secret_access_key: `\${GLUE_SECRET}`,
          },
          requests: () => glue.requests.length,
        },
        {
          ...embedded,
          store: 's3',
          warehouse: inS3(s3, `s3://${BUCKET}/embedded`),
          requests: () => 0,
        },
        {
          catalog: 'rest',
          server: 'nessie',
          store: 's3',
          warehouse: inS3(s3, `${nessie.location}/tables`),
          settings: { type: 'rest', uri: `${nessieLine.endpoint}${pathname}`, warehouse: nessie.warehouse },
          requests: () => nessieLine.seen.length,
        },
      ],
      environment: {
        GLUE_KEY: glue.accessKeyId,
        GLUE_SECRET: glue.secretAccessKey,
        S3_KEY: s3.accessKeyId,
        S3_SECRET: s3.secretAccessKey,
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function inS3({ endpoint, region }: S3Server, url: string) {
  return { url, endpoint, region, access_key_id: `\${S3_KEY}`, secret_access_key: `\${S3_SECRET}` }
}
