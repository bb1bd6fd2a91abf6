/**
 * Addresses of a Redis queue, as tidewater.yaml writes them: one server, Sentinels that know the server of the day, or the nodes of a Cluster.
 *
 *   redis://user:password@host:6379/0                        rediss:// is the same over TLS
 *   redis+sentinel://user:password@host:26379,host:26379/master/0
 *   redis+cluster://user:password@host:6379,host:6379
 *
 * and after each, `?` and parameters: `password_file`, `ca_file`, `cert_file` with `key_file`, `prefix`, and for Sentinels that ask for a
 * password of their own `sentinel_user`, `sentinel_password` or `sentinel_password_file`.
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

export interface RedisLogin {
  readonly username?: string
  readonly password?: Secret
  /** Holds the password; read whenever a connection is opened. */
  readonly passwordFile?: string
}

/** PEM files, read whenever a connection is opened. */
export interface RedisTls {
  /** Of the authority that signed the server's certificate; without it those that Node trusts. */
  readonly caFile?: string
  /** What we show to a server that asks who we are. */
  readonly client?: { readonly certFile: string; readonly keyFile: string }
}

export type RedisAddress = RedisLogin & {
  readonly hosts: readonly RedisHost[]
  /** Absent: no TLS. */
  readonly tls?: RedisTls
  readonly database: number
  /** First part of every key, so that several deployments may share a Redis. */
  readonly prefix: string
} & (
    | { readonly kind: 'server' | 'cluster' }
    /** `master`: the name under which the Sentinels know the server. */
    | { readonly kind: 'sentinel'; readonly master: string; readonly sentinelLogin: RedisLogin }
  )

const DEFAULT_PORT = 6379
const DEFAULT_SENTINEL_PORT = 26_379
const MAX_PORT = 65_535
const MAX_DATABASE = 1_000_000
/** Hosts named in one address; more are found through these. */
const MAX_HOSTS = 64
const DEFAULT_PREFIX = 'tidewater'
const PREFIX = /^[A-Za-z0-9_.-]{1,64}$/
const TLS_PARAMETERS = ['ca_file', 'cert_file', 'key_file']
const SENTINEL_PARAMETERS = ['sentinel_user', 'sentinel_password', 'sentinel_password_file']
const PARAMETERS = ['password_file', 'prefix', ...TLS_PARAMETERS, ...SENTINEL_PARAMETERS]
const EXPECTED =
  'in-process, or redis://user:password@host:port/database, redis+sentinel://host:port,host:port/master or redis+cluster://host:port,host:port (rediss… for TLS)'

export function parseRedisUrl(value: unknown): Parsed<RedisAddress> {
  const match = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/([^/?#]+)((?:\/[^/?#]*)*)(?:\?([^#]*))?$/.exec(
    textOf(value),
  )
  const [, scheme, form, authority = '', path = '', query = ''] = match ?? []
  if (match === null) return fail('Characters such as / ? # in a password are written as %2F %3F %23.')
  const at = authority.lastIndexOf('@')
  const parameters = new URLSearchParams(query)
  const user = readUser(authority.slice(0, Math.max(0, at)), parameters.has('password_file'))
  if (user === undefined) return fail('Write a password without a user as redis://:password@host.')
  const hosts = readHosts(authority.slice(at + 1), form === 'sentinel' ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT)
  if (hosts === undefined) return fail()
  const problem = checkParameters(parameters, {
    isTls: scheme === 'rediss',
    isSentinel: form === 'sentinel',
    hasPassword: user.password !== undefined,
  })
  if (problem !== undefined) return fail(problem)
  const passwordFile = parameters.get('password_file')
  const common = {
    hosts,
    ...user,
    ...(passwordFile !== null && { passwordFile }),
    ...(scheme === 'rediss' && { tls: readTls(parameters) }),
    prefix: parameters.get('prefix') ?? DEFAULT_PREFIX,
  }
  const parts = path.split('/').slice(1)
  const [master = '', ...rest] = form === 'sentinel' ? parts : ['', ...parts]
  const database = readDatabase(rest)
  if (database === undefined) return fail('The database is a number.')
  if (form === 'sentinel') {
    if (master === '')
      return fail('Name the master that the Sentinels watch: redis+sentinel://host:port/master.')
    const sentinelLogin = readSentinelLogin(parameters)
    const name = decode(master) ?? master
    return { ok: true, value: { ...common, kind: 'sentinel', master: name, sentinelLogin, database } }
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
  return `${address.tls === undefined ? 'redis' : 'rediss'}${form}://${hosts.join(',')}${master}${database}`
}

/** The same address with every file where `place` says that it is. */
export function placeRedisFiles(address: RedisAddress, place: (path: string) => string): RedisAddress {
  const { tls } = address
  const login = <T extends RedisLogin>(of: T): T =>
    of.passwordFile === undefined ? of : { ...of, passwordFile: place(of.passwordFile) }
  const placed = {
    ...login(address),
    ...(tls !== undefined && {
      tls: {
        ...(tls.caFile !== undefined && { caFile: place(tls.caFile) }),
        ...(tls.client !== undefined && {
          client: { certFile: place(tls.client.certFile), keyFile: place(tls.client.keyFile) },
        }),
      },
    }),
  }
  return placed.kind === 'sentinel' ? { ...placed, sentinelLogin: login(placed.sentinelLogin) } : placed
}

/** A user alone is one only where the password is in a file: without a colon people mean a password. */
function readUser(text: string, hasPasswordFile: boolean): RedisLogin | undefined {
  if (text === '') return {}
  const colon = text.indexOf(':')
  if (colon < 0 && !hasPasswordFile) return undefined
  const username = decode(colon < 0 ? text : text.slice(0, colon))
  const password = colon < 0 ? '' : decode(text.slice(colon + 1))
  if (username === undefined || password === undefined) return undefined
  if (password === '') return hasPasswordFile && username !== '' ? { username } : undefined
  return { ...(username !== '' && { username }), password: new Secret(password) }
}

/** A sentence that says what is wrong. */
function checkParameters(
  parameters: URLSearchParams,
  given: { readonly isTls: boolean; readonly isSentinel: boolean; readonly hasPassword: boolean },
): string | undefined {
  const has = (name: string) => parameters.has(name)
  if ([...parameters.keys()].some(name => !PARAMETERS.includes(name)))
    return `Known after the ? are ${PARAMETERS.join(', ')}.`
  if ([...parameters.values()].includes('')) return 'A parameter after the ? has no value.'
  if (has('password_file') && given.hasPassword) return 'Give a password or a password_file, not both.'
  const [tlsOnly] = TLS_PARAMETERS.filter(has)
  if (tlsOnly !== undefined && !given.isTls) return `A ${tlsOnly} counts with rediss:// only.`
  if (has('cert_file') !== has('key_file')) return 'The cert_file and its key_file go together.'
  const [sentinelOnly] = SENTINEL_PARAMETERS.filter(has)
  if (sentinelOnly !== undefined && !given.isSentinel)
    return `A ${sentinelOnly} counts with redis+sentinel:// only.`
  if (has('sentinel_password') && has('sentinel_password_file'))
    return 'Give a sentinel_password or a sentinel_password_file, not both.'
  if (!PREFIX.test(parameters.get('prefix') ?? DEFAULT_PREFIX))
    return 'The prefix is at most 64 letters, digits, dots, - and _.'
  return undefined
}

function readTls(parameters: URLSearchParams): RedisTls {
  const [caFile, certFile, keyFile] = TLS_PARAMETERS.map(name => parameters.get(name) ?? undefined)
  return {
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && keyFile !== undefined && { client: { certFile, keyFile } }),
  }
}

function readSentinelLogin(parameters: URLSearchParams): RedisLogin {
  const [username, password, passwordFile] = SENTINEL_PARAMETERS.map(
    name => parameters.get(name) ?? undefined,
  )
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: new Secret(password) }),
    ...(passwordFile !== undefined && { passwordFile }),
  }
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
