/**
 * A catalog that tests may write to and whose every read is Tidewater's, so that suites which make their own tables try how they are read.
 *
 * Tidewater's catalog refuses writes. So a proxy stands before it: what would change something goes to the Iceberg project's reference
 * server, on the same warehouse; then the tables that are there are entered into Tidewater's database as published. All other requests go
 * to Tidewater's server, unchanged, and so do its answers; only the list of endpoints in its config is completed, or clients try no write.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { buffer } from 'node:stream/consumers'
import { z } from 'zod'
import { openServer } from '../../../../services/server/server.ts'
import { ALL_STAGES } from '../../../../services/stages.ts'
import { formatConfigErrors } from '../../../../shared/config/config-error.ts'
import { loadConfig } from '../../../../shared/config/load-config.ts'
import { openSqliteMetadataStore } from '../../../../shared/metadata/sqlite/store.ts'
import { openObjectStore } from '../../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../../shared/runtime/system-runtime.ts'
import { startIcebergRest } from '../../../servers/iceberg-rest.ts'
import { dataFolder, freePort, removeFolder } from '../../../servers/server-process.ts'

const WAREHOUSE = 'local'
const LEVEL_SEPARATOR = '%1F'
const MAX_NAMESPACES = 1000
const WRITE_ENDPOINTS = [
  'POST /v1/{prefix}/namespaces',
  'DELETE /v1/{prefix}/namespaces/{namespace}',
  'POST /v1/{prefix}/namespaces/{namespace}/properties',
  'POST /v1/{prefix}/namespaces/{namespace}/tables',
  'POST /v1/{prefix}/namespaces/{namespace}/register',
  'POST /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}',
  'POST /v1/{prefix}/tables/rename',
  'POST /v1/{prefix}/transactions/commit',
]

export interface WritableCatalog {
  /** Of the proxy. */
  readonly uri: string
  /** Tidewater's own, which refuses writes. */
  readonly readOnlyUri: string
  readonly warehouse: string
  close(): Promise<void>
}

export async function startWritableCatalog(): Promise<WritableCatalog> {
  const folder = dataFolder('kit')
  mkdirSync(join(folder, 'warehouse'))
  const tidewater = await startTidewater(folder)
  const reference = await startIcebergRest({ warehouse: `file:${folder}/warehouse` })
  const ledger = new DatabaseSync(join(folder, 'tidewater.db'), {
    // Rows of a table without those of its schemas.
    enableForeignKeyConstraints: false,
  })
  let lastWrite: Promise<unknown> = Promise.resolve()
  /** Writes go one after another, each with what it made entered before the next. */
  function inTurn(request: IncomingMessage): Promise<Answer> {
    const answer = lastWrite.then(() => forwardWrite(request, reference.uri, ledger))
    lastWrite = answer.catch(() => undefined)
    return answer
  }
  const proxy = createServer((request, response) => {
    const answer = isWrite(request) ? inTurn(request) : forwardRead(request, tidewater.url)
    answer.then(
      found => send(response, found),
      error => send(response, { status: 500, headers: {}, body: Buffer.from(String(error)) }),
    )
  })
  const port = await freePort()
  await new Promise<void>(resolve => proxy.listen(port, '127.0.0.1', resolve))
  return {
    uri: `http://127.0.0.1:${port}/catalog`,
    readOnlyUri: `${tidewater.url}/catalog`,
    warehouse: WAREHOUSE,
    async close() {
      proxy.closeAllConnections()
      await new Promise(resolve => proxy.close(resolve))
      await reference.stop()
      await tidewater.close()
      ledger.close()
      removeFolder(folder)
    },
  }
}

async function startTidewater(folder: string) {
  const path = join(folder, 'tidewater.yaml')
  // The kit has locations of its own below the folder for temporary files, too.
  const text = `
warehouse: file:${tmpdir()}
metadata: sqlite:${folder}/tidewater.db
sources: [{ name: landed, type: kfs, url: "file:${folder}/segments" }]
catalogs: [{ name: ${WAREHOUSE}, type: embedded }]
server: { listen: "127.0.0.1:0" }
tables:
  - name: unused.table
    source: landed
    source_topic: unused
    source_format: raw
    schema: { fields: [{ name: value, type: binary }] }
`
  writeFileSync(path, text)
  const loaded = loadConfig(text, { path, env: {} })
  if (loaded.kind === 'errors') throw new Error(formatConfigErrors(path, loaded.errors))
  const { config } = loaded
  const runtime = systemRuntime
  const metadata = openSqliteMetadataStore({ path: join(folder, 'tidewater.db'), runtime })
  await metadata.migrate()
  const server = await openServer(
    {
      config,
      metadata,
      warehouse: openObjectStore(config.warehouse.url, { runtime }),
      runtime,
      report: () => undefined,
      stages: ALL_STAGES,
      metrics: { text: async () => '', contentType: 'text/plain' },
      stopping: new AbortController().signal,
    },
    { host: '127.0.0.1', port: 0 },
  )
  return {
    url: server.url,
    async close() {
      await server.close()
      await metadata.close()
    },
  }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

function isWrite({ method, url = '' }: IncomingMessage): boolean {
  return method !== 'GET' && method !== 'HEAD' && !url.includes('/oauth/') && !/\/metrics$/.test(url)
}

async function forwardRead(request: IncomingMessage, url: string): Promise<Answer> {
  const answer = await forward(request, `${url}${request.url}`)
  if (!request.url?.includes('/v1/config')) return answer
  const config = z.looseObject({ endpoints: z.array(z.string()) }).parse(JSON.parse(String(answer.body)))
  const body = JSON.stringify({ ...config, endpoints: [...config.endpoints, ...WRITE_ENDPOINTS] })
  return { ...answer, body: Buffer.from(body) }
}

async function forwardWrite(request: IncomingMessage, url: string, ledger: DatabaseSync): Promise<Answer> {
  const path = request.url?.replace(`/catalog/v1/${WAREHOUSE}/`, '/v1/') ?? ''
  const answer = await forward(request, `${url}${path}`)
  if (answer.status < 300) enter(ledger, await tablesOf(url))
  return answer
}

async function forward(request: IncomingMessage, url: string): Promise<Answer> {
  const headers = new Headers({ 'accept-encoding': 'identity' })
  for (const name of ['content-type', 'accept', 'if-none-match', 'authorization']) {
    const value = request.headers[name]
    if (typeof value === 'string') headers.set(name, value)
  }
  const body = await buffer(request)
  const { method = 'GET' } = request
  const answer = await fetch(url, { method, headers, ...(body.length > 0 && { body }) })
  const kept = ['content-type', 'etag'].flatMap(name => {
    const value = answer.headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return {
    status: answer.status,
    headers: Object.fromEntries(kept),
    body: Buffer.from(await answer.arrayBuffer()),
  }
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers }).end(body)
}

interface ReferenceTable {
  readonly name: string
  readonly uuid: string
  readonly metadataLocation: string
}

const namespacesSchema = z.object({ namespaces: z.array(z.array(z.string())) })
const tablesSchema = z.object({
  identifiers: z.array(z.object({ namespace: z.array(z.string()), name: z.string() })),
})
const loadedSchema = z.object({
  'metadata-location': z.string(),
  metadata: z.object({ 'table-uuid': z.string() }),
})

async function tablesOf(url: string): Promise<readonly ReferenceTable[]> {
  /** It cannot be asked for some names that it takes, with dots for example. */
  async function ask<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const answer = await fetch(`${url}/v1/${path}`)
    return answer.ok ? schema.parse(await answer.json()) : undefined
  }
  const tables: ReferenceTable[] = []
  const waiting: string[][] = [[]]
  for (let seen = 0; seen < MAX_NAMESPACES; seen++) {
    const namespace = waiting.pop()
    if (namespace === undefined) return tables
    const path = namespace.map(encodeURIComponent).join(LEVEL_SEPARATOR)
    const below = await ask(`namespaces${path === '' ? '' : `?parent=${path}`}`, namespacesSchema)
    waiting.push(...(below?.namespaces ?? []))
    if (path === '') continue
    const listed = await ask(`namespaces/${path}/tables`, tablesSchema)
    for (const { name } of listed?.identifiers ?? []) {
      const loaded = await ask(`namespaces/${path}/tables/${encodeURIComponent(name)}`, loadedSchema)
      if (loaded === undefined) continue
      const { metadata, 'metadata-location': metadataLocation } = loaded
      tables.push({ name: [...namespace, name].join('.'), uuid: metadata['table-uuid'], metadataLocation })
    }
  }
  throw new Error(`more than ${MAX_NAMESPACES} namespaces`)
}

/** Makes them the published tables of the database. What else it knows of a table is for writing, which nobody does here. */
function enter(ledger: DatabaseSync, tables: readonly ReferenceTable[]): void {
  ledger.exec('BEGIN IMMEDIATE; DELETE FROM publication; DELETE FROM iceberg_table')
  const addTable = ledger.prepare(
    `INSERT OR IGNORE INTO iceberg_table (table_id, name, kind, location, current_schema_id, default_spec_id, last_column_id,
       last_partition_id, properties, declaration, created_at_ms) VALUES (?, ?, 'rows', ?, 0, 0, 0, 999, '{}', '{}', 0)`,
  )
  const publish = ledger.prepare(
    `INSERT OR IGNORE INTO publication (table_id, catalog, metadata_location, state) VALUES (?, '${WAREHOUSE}', ?, 'published')`,
  )
  for (const { uuid, name, metadataLocation } of tables) {
    // The server reads by the metadata alone; two tables of a test may well share a folder, which the database forbids.
    addTable.run(uuid, name, uuid)
    publish.run(uuid, metadataLocation)
  }
  ledger.exec('COMMIT')
}
