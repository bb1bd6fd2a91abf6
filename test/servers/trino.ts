/**
 * Trino on a free loopback port, with the Iceberg connector and nothing else. Catalogs are added while it runs, so one server serves a
 * whole test file: starting it takes a quarter of a minute.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { installTrino, TRINO_MIN_JAVA, TRINO_VERSION } from './install.ts'
import { findJava } from './java.ts'
import { dataFolder, freePort, removeFolder, startProcess } from './server-process.ts'
import { runStatement, type TrinoResult } from './trino-client.ts'

const HEAP = '1g'

export interface TrinoServer {
  readonly url: string
  /** Adds a catalog from the text of its properties file, as an administrator would have laid it into `etc/catalog`. */
  addCatalog(name: string, properties: string): Promise<void>
  removeCatalog(name: string): Promise<void>
  query(sql: string): Promise<TrinoResult>
  stop(): Promise<void>
}

/** `env` is for what it looks up itself, keys of S3 for example. */
export async function startTrinoServer(env: Readonly<Record<string, string>> = {}): Promise<TrinoServer> {
  const program = await installTrino()
  const folder = dataFolder('trino')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  mkdirSync(join(folder, 'etc'))
  writeFileSync(join(folder, 'etc', 'config.properties'), configOf(url, port))
  const query = (sql: string) => runStatement(url, sql)
  const server = await startProcess({
    name: 'Trino',
    program: findJava(TRINO_MIN_JAVA, 'Trino'),
    args: [
      `-Xmx${HEAP}`,
      '-XX:+UseSerialGC',
      '--add-modules=jdk.incubator.vector',
      '--sun-misc-unsafe-memory-access=allow',
      '--enable-native-access=ALL-UNNAMED',
      '-Djdk.attach.allowAttachSelf=true',
      '-Dconfig=etc/config.properties',
      '-Dnode.environment=test',
      '-Dnode.id=test',
      `-Dnode.data-dir=${folder}`,
      `-Dplugin.dir=${join(program, 'plugin')}`,
      ...['-cp', join(program, `trino-server-core-${TRINO_VERSION}`, 'lib', '*')],
      'io.trino.server.TrinoServer',
    ],
    env,
    cwd: folder,
    isReady: () => hasStarted(url),
  })
  return {
    url,
    query,
    async addCatalog(name, properties) {
      await query(createCatalogStatement(name, properties))
    },
    async removeCatalog(name) {
      await query(`DROP CATALOG "${name}"`)
    },
    async stop() {
      await server.stop()
      removeFolder(folder)
    },
  }
}

const configOf = (url: string, port: number) => `coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=${port}
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
discovery.uri=${url}
catalog.management=dynamic
catalog.store=memory
query.max-memory=300MB
query.max-memory-per-node=300MB
`

const infoSchema = z.object({ starting: z.boolean() })

async function hasStarted(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/v1/info`)
  return !infoSchema.parse(await answer.json()).starting
}

/** `connector.name=iceberg` and its other lines as `CREATE CATALOG … USING iceberg WITH (…)`. */
function createCatalogStatement(name: string, properties: string): string {
  const lines = properties.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#'))
  const settings = lines.map(line => {
    const [key = '', ...rest] = line.split('=')
    return { key: key.trim(), value: rest.join('=').trim() }
  })
  const connector = settings.find(({ key }) => key === 'connector.name')?.value
  if (connector === undefined) throw new Error('a catalog file of Trino has a line connector.name=…')
  const others = settings.filter(({ key }) => key !== 'connector.name')
  const list = others.map(({ key, value }) => `"${key}" = '${value.replaceAll("'", "''")}'`)
  return `CREATE CATALOG "${name}" USING ${connector} WITH (${list.join(', ')})`
}
