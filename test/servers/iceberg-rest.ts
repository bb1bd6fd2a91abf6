/**
 * The Iceberg project's own REST server (`RESTCatalogServer` of its test fixtures), over a catalog in a SQLite file, on a free loopback
 * port. It has no prefix, takes every name of a warehouse, and asks nobody who they are. Starting it takes about two seconds.
 */
import { join } from 'node:path'
import { installIcebergRest } from './install.ts'
import type { RestCatalogServer, S3Storage } from './rest-catalog.ts'
import { answersOk, dataFolder, freePort, removeFolder, startProcess } from './server-process.ts'

export interface IcebergRestOptions {
  /** Where tables lie: a `file:` or `s3:` URL; by default a folder of its own, or the folder `iceberg` of the bucket. */
  readonly warehouse?: string
  readonly s3?: S3Storage
}

export async function startIcebergRest({
  warehouse,
  s3,
}: IcebergRestOptions = {}): Promise<RestCatalogServer> {
  const jars = await installIcebergRest()
  const folder = dataFolder('iceberg-rest')
  const location = warehouse ?? (s3 === undefined ? `file:${folder}/warehouse` : `s3://${s3.bucket}/iceberg`)
  const port = await freePort()
  const uri = `http://127.0.0.1:${port}`
  const server = await startProcess({
    name: "Iceberg's REST server",
    program: 'java',
    args: ['-Xmx512m', '-cp', join(jars, '*'), 'org.apache.iceberg.rest.RESTCatalogServer'],
    // `CATALOG_` and a property of Iceberg's catalogs, a dot as `_`, a hyphen as `__`.
    env: {
      CATALOG_URI: `jdbc:sqlite:${join(folder, 'catalog.db')}`,
      CATALOG_WAREHOUSE: location,
      CATALOG_REST_PORT: String(port),
      ...(s3 !== undefined && {
        CATALOG_IO__IMPL: 'org.apache.iceberg.aws.s3.S3FileIO',
        CATALOG_S3_ENDPOINT: s3.endpoint,
        CATALOG_S3_PATH__STYLE__ACCESS: 'true',
        CATALOG_S3_ACCESS__KEY__ID: s3.accessKeyId,
        CATALOG_S3_SECRET__ACCESS__KEY: s3.secretAccessKey,
        CATALOG_CLIENT_REGION: s3.region,
      }),
    },
    cwd: folder,
    isReady: () => answersOk(`${uri}/v1/config`),
  })
  return {
    uri,
    warehouse: 'any',
    location,
    async stop() {
      await server.stop()
      removeFolder(folder)
    },
  }
}
