/** PostgreSQL, Redis and S3 as a platform team has them, each counting what it is asked. */
import { Redis } from 'ioredis'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { startPostgres } from '../../test/servers/postgres.ts'
import { startRedis } from '../../test/servers/redis.ts'
import { startS3Server } from '../../test/servers/s3-server.ts'

/** Everything that the servers have been asked since they started. */
export interface Asked {
  readonly s3Requests: number
  readonly sqlStatements: number
  readonly sqlTransactions: number
  readonly redisCommands: number
}

export interface Servers {
  readonly metadataUrl: string
  readonly queueUrl: string
  /** The keys of `warehouse` or of a source in a bucket of the S3 server. */
  place(folder: string): Readonly<Record<string, string>>
  /** What processes need to find the secrets that `place` names. */
  readonly environment: Readonly<Record<string, string>>
  /** The same folder, for landing segments. */
  open(folder: string): ObjectStore
  query(text: string): Promise<readonly Record<string, unknown>[]>
  asked(): Promise<Asked>
  stop(): Promise<void>
}

const BUCKET = 'bench'
const KEY = 'BENCH_S3_KEY'
const SECRET = 'BENCH_S3_SECRET'
/** The tables of the metadata database are named with it. */
export const SCHEMA = 'bench'

export async function startServers(): Promise<Servers> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const one of stops.reverse()) await one()
  }
  try {
    const postgres = await startPostgres({
      fsync: true,
      settings: { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.max': '10000' },
    })
    stops.push(() => postgres.remove())
    await postgres.query('create extension pg_stat_statements')
    const redis = await startRedis()
    stops.push(() => redis.stop())
    const client = new Redis(redis.url)
    stops.push(async () => client.disconnect())
    const s3 = await startS3Server()
    stops.push(() => s3.stop())
    await s3.createBucket(BUCKET)
    const count = async (text: string) => Number((await postgres.query(text))[0]?.count ?? 0)
    return {
      metadataUrl: `${postgres.url}?schema=${SCHEMA}`,
      queueUrl: redis.url,
      place: folder => ({
        url: `s3://${BUCKET}/${folder}`,
        endpoint: s3.endpoint,
        region: s3.region,
        access_key_id: `\${${KEY}}`,
        secret_access_key: `\${${SECRET}}`,
      }),
      environment: { [KEY]: s3.accessKeyId, [SECRET]: s3.secretAccessKey },
      open: folder =>
        openObjectStore(`s3://${BUCKET}/${folder}`, {
          runtime: systemRuntime,
          endpoint: s3.endpoint,
          region: s3.region,
          credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
        }),
      query: text => postgres.query(text),
      asked: async () => ({
        s3Requests: await requestsSeenBy(s3.endpoint),
        sqlStatements: await count('select sum(calls) as count from pg_stat_statements'),
        sqlTransactions: await count(
          'select xact_commit + xact_rollback as count from pg_stat_database where datname = current_database()',
        ),
        redisCommands: numberIn(await client.info('stats'), /total_commands_processed:(\d+)/),
      }),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** MinIO's own count, which is up to the moment in this version of its metrics alone. */
async function requestsSeenBy(endpoint: string): Promise<number> {
  const answer = await fetch(`${endpoint}/minio/metrics/v3/api/requests`)
  const counts = (await answer.text()).matchAll(/^minio_api_requests_total\{.*type="s3".*\} (\S+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0)
}
