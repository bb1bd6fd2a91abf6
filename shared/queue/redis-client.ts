/**
 * Connections to Redis through ioredis. A command fails at once while there is no connection, and after `COMMAND_TIMEOUT_MS` when there is
 * no answer: nothing is kept in memory for later, since whatever the queue misses is put back by the sweep.
 */
import { readFileSync } from 'node:fs'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { AppError } from '../runtime/errors.ts'
import { type RedisAddress, redisAddressText } from './redis-address.ts'

export type RedisClient = Redis | Cluster

export const COMMAND_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 5_000
/** A connection on which nothing has come for this long although an answer is due is given up. */
const SOCKET_TIMEOUT_MS = 10_000
const MAX_RECONNECT_MS = 1_000

/** `reconnect: false`: a connection that breaks stays broken, and its owner opens another. */
export function connectRedis(
  address: RedisAddress,
  { reconnect }: { readonly reconnect: boolean },
): RedisClient {
  const retry = (times: number) => (reconnect ? Math.min(MAX_RECONNECT_MS, 50 * times) : null)
  const { caFile, passwordFile } = address
  const password =
    passwordFile === undefined
      ? address.password?.reveal()
      : readSetting('password_file', passwordFile).trim()
  const tls = address.tls ? { tls: caFile === undefined ? {} : { ca: readSetting('ca_file', caFile) } } : {}
  const options = {
    ...(address.username !== undefined && { username: address.username }),
    ...(password !== undefined && { password }),
    ...tls,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    retryStrategy: retry,
  } satisfies RedisOptions
  const [first] = address.hosts
  switch (address.kind) {
    case 'cluster':
      return new Cluster([...address.hosts], {
        redisOptions: options,
        enableOfflineQueue: false,
        clusterRetryStrategy: retry,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
        // Certificates name hosts, and a Cluster answers with addresses unless it is told otherwise; names are looked up by the system.
        ...(address.tls && { dnsLookup: (host, done) => done(null, host) }),
      })
    case 'sentinel':
      return new Redis({
        ...options,
        sentinels: [...address.hosts],
        name: address.master,
        db: address.database,
        sentinelRetryStrategy: retry,
        sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
        ...(address.tls && { enableTLSForSentinelMode: true, sentinelTLS: tls.tls ?? {} }),
      })
    default:
      return new Redis({ ...options, ...first, db: address.database })
  }
}

function readSetting(name: 'ca_file' | 'password_file', path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AppError({
      code: 'queue-file-unreadable',
      next: 'fatal',
      message: `Reading ${path} (${name} of \`queue\` in tidewater.yaml) failed: ${messageOf(cause)}.`,
      cause,
    })
  }
}

/** Answers that no other attempt will better: what was configured is wrong. */
const REFUSALS =
  /^(WRONGPASS|NOAUTH|NOPERM|ERR (invalid password|AUTH|DB index))|without any password configured/i

export function isRefusal(cause: unknown): boolean {
  return REFUSALS.test(messageOf(cause))
}

/** A failure of Redis in words that name the address, and never the password. */
export function redisError(doing: string, address: RedisAddress, cause: unknown): AppError {
  if (cause instanceof AppError) return cause
  const place = redisAddressText(address)
  const message = messageOf(cause)
  if (isRefusal(cause)) {
    return new AppError({
      code: 'queue-refused',
      next: 'fatal',
      message: `${doing} at ${place}: the server refused: ${message}. Check user, password and database of \`queue\` in tidewater.yaml, and what the user may do.`,
      cause,
    })
  }
  return new AppError({
    code: 'queue-unreachable',
    next: 'retry',
    message: `${doing} at ${place} failed: ${message}. Nothing is lost: what waits is in the metadata database, and is queued again when Redis answers.`,
    cause,
  })
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}
