/** What Tidewater runs on, all real: PostgreSQL, Redis, and S3 behind a proxy that makes the weather. */
import { Redis } from 'ioredis'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, startRedis } from '../servers/redis.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'

const SOURCE_URL = 's3://landed/production'
const WAREHOUSE_URL = 's3://lake/warehouse'
const REDIS_PASSWORD = 'canary-of-redis'

export interface Servers {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly s3: S3Server
  readonly proxy: FaultProxy
  /** Beside the proxy. */
  readonly source: ObjectStore
  readonly warehouse: ObjectStore
  flushRedis(): Promise<void>
  stop(): Promise<void>
}

export async function startServers(): Promise<Servers> {
  const [postgres, redis, s3] = await Promise.all([
    startPostgres({}),
    startRedis({ password: REDIS_PASSWORD }),
    startS3Server(),
  ])
  await s3.createBucket('landed')
  await s3.createBucket('lake')
  const proxy = await startFaultProxy(s3.endpoint)
  const { endpoint, region, accessKeyId, secretAccessKey } = s3
  const access = { endpoint, region, pathStyle: true, credentials: { accessKeyId, secretAccessKey } }
  const open = (url: string) => openObjectStore(url, { ...access, runtime: systemRuntime })
  const [source, warehouse] = [open(SOURCE_URL), open(WAREHOUSE_URL)]
  return {
    postgres,
    redis,
    s3,
    proxy,
    source,
    warehouse,
    async flushRedis() {
      const client = new Redis(redis.url, { lazyConnect: true, maxRetriesPerRequest: 1 })
      client.on('error', () => undefined)
      await client.flushall().finally(() => client.disconnect())
    },
    async stop() {
      await Promise.all([source.close(), warehouse.close()])
      await proxy.stop()
      await Promise.all([postgres.remove(), redis.stop(), s3.stop()])
    },
  }
}

/** Secrets reach the processes by their environment alone. */
export function environmentOf({ postgres, redis, s3 }: Servers): Readonly<Record<string, string>> {
  return {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    S3_KEY: s3.accessKeyId,
    S3_SECRET: s3.secretAccessKey,
  }
}

/** None of them may stand in any output. */
export function secretsOf({ s3 }: Servers): readonly string[] {
  return [REDIS_PASSWORD, 'a/secret@word', 'a%2Fsecret%40word', s3.secretAccessKey]
}

/**
 * Leases are as short as they may be, so that what the weather takes away is soon taken up again. A task whose workers are lost five
 * times in a row is parked by default; here that is nobody's fault but the weather's.
 */
export function configYaml({ proxy, s3 }: Servers, tables: string): string {
  const store = `endpoint: "${proxy.endpoint}", region: ${s3.region}, access_key_id: "\${S3_KEY}", secret_access_key: "\${S3_SECRET}"`
  return `
warehouse: { url: "${WAREHOUSE_URL}", ${store} }
metadata: "\${DATABASE_URL}"
queue: "\${REDIS_URL}"
sources:
  - { name: landed, type: kfs, url: "${SOURCE_URL}", ${store} }
catalogs:
  - { name: local, type: embedded }
server: { listen: "127.0.0.1:0" }
limits: { claim_lease: 5s, poll_interval: 500ms, poll_interval_max: 2s, workers: 1, max_task_attempts: 100 }
tables:${tables}
`
}
