/**
 * Addresses of a Redis queue, as tidewater.yaml writes them: one server, Sentinels that know the server of the day, or the nodes of a Cluster.
 *
 *   redis://user:password@host:6379/0                        rediss:// is the same over TLS
 *   redis+sentinel://user:password@host:26379,host:26379/master/0
 *   redis+cluster://user:password@host:6379,host:6379
 *
 * and after each, `?password_file=…&ca_file=…&prefix=…`.
 *
 * What a failed parse says never repeats the text: it may hold a password.
 */
import type { Parsed } from '../config/scalars.ts'
import { Secret } from '../config/secret.ts'

export interface RedisHost {
  /** A name or an address, without the brackets of IPv6. */
  readonly host: string
  readonly port: number
}

export type RedisAddress = {
  readonly hosts: readonly RedisHost[]
  readonly tls: boolean
  readonly username?: string
  readonly password?: Secret
  /** Holds the password; read whenever a connection is opened. */
  readonly passwordFile?: string
  readonly database: number
  /** PEM file of the authority that signed the server's certificate; without it those that Node trusts. */
  readonly caFile?: string
  /** First part of every key, so that several deployments may share a Redis. */
  readonly prefix: string
} & (
  | { readonly kind: 'server' | 'cluster' }
  /** `master`: the name under which the Sentinels know the server. */
  | { readonly kind: 'sentinel'; readonly master: string }
)

const DEFAULT_PORT = 6379
const DEFAULT_SENTINEL_PORT = 26_379
const MAX_PORT = 65_535
const MAX_DATABASE = 1_000_000
/** Hosts named in one address; more are found through these. */
const MAX_HOSTS = 64
const DEFAULT_PREFIX = 'tidewater'
const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/
const PARAMETERS = ['password_file', 'ca_file', 'prefix']
const EXPECTED =
  'in-process, or redis://user:password@host:port/database, redis+sentinel://host:port,host:port/master or redis+cluster://host:port,host:port (rediss… for TLS)'

export function parseRedisUrl(value: unknown): Parsed<RedisAddress> {
  const match = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/([^/?#]+)((?:\/[^/?#]*)*)(?:\?([^#]*))?$/.exec(
    textOf(value),
  )
  const [, scheme, form, authority = '', path = '', query = ''] = match ?? []
  if (match === null) return fail('Characters such as / ? # in a password are written as %2F %3F %23.')
  const at = authority.lastIndexOf('@')
  const user = readUser(authority.slice(0, Math.max(0, at)))
  if (user === undefined) return fail('Write a password without a user as redis://:password@host.')
  const hosts = readHosts(authority.slice(at + 1), form === 'sentinel' ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT)
  if (hosts === undefined) return fail()
  const tls = scheme === 'rediss'
  const parameters = readParameters(query, { tls, hasPassword: user.password !== undefined })
  if (typeof parameters === 'string') return fail(parameters)
  const common = { hosts, tls, ...user, ...parameters }
  const parts = path.split('/').slice(1)
  const [master = '', ...rest] = form === 'sentinel' ? parts : ['', ...parts]
  const database = readDatabase(rest)
  if (database === undefined) return fail('The database is a number.')
  if (form === 'sentinel') {
    if (master === '')
      return fail('Name the master that the Sentinels watch: redis+sentinel://host:port/master.')
    return { ok: true, value: { ...common, kind: 'sentinel', master: decode(master) ?? master, database } }
  }
  if (form === 'cluster' && database !== 0) return fail('A Cluster has no databases: leave the path away.')
  if (form === undefined && hosts.length > 1)
    return fail('Several hosts are redis+sentinel:// or redis+cluster://.')
  return { ok: true, value: { ...common, kind: form === 'cluster' ? 'cluster' : 'server', database } }
}

/** For messages: without user and password. */
export function redisAddressText(address: RedisAddress): string {
  const hosts = address.hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
  const form = address.kind === 'server' ? '' : `+${address.kind}`
  const master = address.kind === 'sentinel' ? `/${address.master}` : ''
  const database = address.kind === 'cluster' ? '' : `/${address.database}`
  return `${address.tls ? 'rediss' : 'redis'}${form}://${hosts.join(',')}${master}${database}`
}

function readUser(text: string): { username?: string; password?: Secret } | undefined {
  if (text === '') return {}
  const colon = text.indexOf(':')
  const username = decode(text.slice(0, colon))
  const password = decode(text.slice(colon + 1))
  if (colon < 0 || username === undefined || password === undefined || password === '') return undefined
  return { ...(username !== '' && { username }), password: new Secret(password) }
}

/** A sentence that says what is wrong, as text. */
function readParameters(
  query: string,
  given: { readonly tls: boolean; readonly hasPassword: boolean },
): Pick<RedisAddress, 'passwordFile' | 'caFile' | 'prefix'> | string {
  const parameters = new URLSearchParams(query)
  const unknown = [...parameters.keys()].find(name => !PARAMETERS.includes(name))
  if (unknown !== undefined) return `Known after the ? are ${PARAMETERS.join(', ')}.`
  const [passwordFile, caFile] = [parameters.get('password_file'), parameters.get('ca_file')]
  if (passwordFile !== null && given.hasPassword) return 'Give a password or a password_file, not both.'
  if (caFile !== null && !given.tls) return 'A ca_file counts with rediss:// only.'
  const prefix = parameters.get('prefix') ?? DEFAULT_PREFIX
  if (!PREFIX.test(prefix)) return 'The prefix is at most 64 letters, digits, dots, - and _.'
  return { prefix, ...(passwordFile && { passwordFile }), ...(caFile && { caFile }) }
}

function readHosts(text: string, defaultPort: number): readonly RedisHost[] | undefined {
  const hosts: RedisHost[] = []
  for (const part of text.split(',')) {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]{1,253}))(?::(\d{1,5}))?$/.exec(part)
    const [, ipv6, host = ipv6, port = String(defaultPort)] = match ?? []
    if (host === undefined || Number(port) < 1 || Number(port) > MAX_PORT) return undefined
    hosts.push({ host, port: Number(port) })
  }
  return hosts.length > MAX_HOSTS ? undefined : hosts
}

function readDatabase(parts: readonly string[]): number | undefined {
  const [text = '', ...more] = parts
  if (more.length > 0) return undefined
  if (text === '') return 0
  return /^\d{1,7}$/.test(text) && Number(text) <= MAX_DATABASE ? Number(text) : undefined
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function fail(suggestion?: string): Parsed<RedisAddress> {
  return { ok: false, expected: EXPECTED, ...(suggestion !== undefined && { suggestion }) }
}
