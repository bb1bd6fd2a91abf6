/**
 * Connections to Redis through ioredis. A command fails at once while there is no connection, and after `COMMAND_TIMEOUT_MS` when there is
 * no answer: nothing is kept in memory for later, since whatever the queue misses is put back by the sweep.
 */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { AppError } from '../runtime/errors.ts'
import type { RedisAddress, RedisLogin, RedisTls } from './redis-address.ts'

export type RedisClient = Redis | Cluster

export const COMMAND_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 5_000
/** A connection on which nothing has come for this long although an answer is due is given up. */
const SOCKET_TIMEOUT_MS = 10_000

/** A connection that breaks stays broken, and its owner opens another: with the password and the certificates of then. */
export function connectRedis(address: RedisAddress): RedisClient {
  const options = optionsOf(address, loginOf(address))
  const [first] = address.hosts
  switch (address.kind) {
    case 'cluster':
      return new Cluster([...address.hosts], {
        redisOptions: options,
        enableOfflineQueue: false,
        clusterRetryStrategy: () => null,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
        // Certificates name hosts, and a Cluster answers with addresses unless it is told otherwise; names are looked up by the system.
        ...(address.tls !== undefined && { dnsLookup: (host, done) => done(null, host) }),
      })
    case 'sentinel': {
      const { username, password } = sentinelLoginOf(address.sentinelLogin)
      return new Redis({
        ...options,
        sentinels: [...address.hosts],
        name: address.master,
        db: address.database,
        ...(username !== undefined && { sentinelUsername: username }),
        ...(password !== undefined && { sentinelPassword: password }),
        sentinelRetryStrategy: () => null,
        sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
        ...(options.tls !== undefined && { enableTLSForSentinelMode: true, sentinelTLS: options.tls }),
      })
    }
    default:
      return new Redis({ ...options, ...first, db: address.database })
  }
}

function optionsOf({ tls }: RedisAddress, login: Pick<RedisOptions, 'username' | 'password'>) {
  return {
    ...login,
    ...(tls !== undefined && { tls: tlsOf(tls) }),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    retryStrategy: () => null,
  } satisfies RedisOptions
}

function sentinelLoginOf(login: RedisLogin) {
  return loginOf(login, 'sentinel_password_file')
}

function loginOf({ username, password, passwordFile }: RedisLogin, setting = 'password_file') {
  const text = passwordFile === undefined ? password?.reveal() : readSetting(setting, passwordFile).trimEnd()
  return { ...(username !== undefined && { username }), ...(text !== undefined && { password: text }) }
}

function tlsOf({ caFile, client }: RedisTls): ConnectionOptions {
  return {
    ...(caFile !== undefined && { ca: readSetting('ca_file', caFile) }),
    ...(client !== undefined && {
      cert: readSetting('cert_file', client.certFile),
      key: readSetting('key_file', client.keyFile),
    }),
  }
}

function readSetting(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AppError({
      code: 'queue-file-unreadable',
      next: 'fatal',
      message: `Reading ${path} (${name} of \`queue\` in tidewater.yaml) failed: ${String(cause)}.`,
      cause,
    })
  }
}

/**
 * Clients of Sentinels and of a Cluster lose the reason why a host could not be reached. One plain connection to the first host has it;
 * `undefined` when that works.
 */
export async function failureOfFirstHost(address: RedisAddress): Promise<unknown> {
  const [first] = address.hosts
  const login = address.kind === 'sentinel' ? sentinelLoginOf(address.sentinelLogin) : loginOf(address)
  const client = new Redis({ ...optionsOf(address, login), ...first, lazyConnect: true })
  const failure = lastFailureOf(client)
  try {
    await client.connect()
    return undefined
  } catch (cause) {
    return failure() ?? cause
  } finally {
    client.disconnect()
  }
}

/**
 * What the connection failed on last. The commands that fail with it only say that it is closed, and the errors that end the search for a
 * server among Sentinels or nodes only that none was found.
 */
export function lastFailureOf(client: RedisClient): () => unknown {
  let last: unknown
  const note = (error: unknown) => {
    last = error instanceof Error && 'lastNodeError' in error ? (error.lastNodeError ?? error) : error
  }
  let sentinel: unknown
  client.on('sentinelError', (error: unknown) => {
    sentinel = error
  })
  client.on('error', (error: unknown) =>
    note(/sentinels are unreachable/i.test(String(error)) ? (sentinel ?? error) : error),
  )
  return () => last
}
