/**
 * Where a PostgreSQL database is and how to log in, from a URL: `postgres://user:password@host:5432/database?sslmode=verify-full`.
 * The names are those of libpq (PostgreSQL manual, section 34.1.2) where libpq has one.
 */
import { Secret } from '../../config/secret.ts'

export interface PostgresAddress {
  /** A name, an address, or a folder with the server's Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password?: Secret
  readonly passwordFile?: string
  /** Where Tidewater's tables are. */
  readonly schema: string
  /** Connections that one process opens at most. */
  readonly poolSize?: number
  /** Absent: no TLS. `ca` checks who signed the server's certificate, `full` also its name. */
  readonly tls?: PostgresTls
}

/** PEM files, read when the pool is opened. */
export interface PostgresTls {
  readonly verify: 'none' | 'ca' | 'full'
  readonly rootCert?: string
  /** What we show to a server that asks who we are. */
  readonly client?: { readonly certFile: string; readonly keyFile: string }
}

const DEFAULT_PORT = 5432
const DEFAULT_SCHEMA = 'public'
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/
/** Of which only the last may have a port for the text to be a URL at all. */
const HOST_LIST = /^[a-z]+:\/\/(?:[^/?#]*@)?[^/?#@]*,[^/?#@]*(?:[/?#]|$)/
const SEVERAL_HOSTS =
  'names several hosts; name one that leads to whichever server is the primary, see docs/postgres.md#failover'
const POOL_SIZE = /^[1-9][0-9]{0,2}$/
const PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'schema',
  'password_file',
  'host',
  'pool_size',
]
const SSL_MODES: Readonly<Record<string, PostgresAddress['tls']>> = {
  disable: undefined,
  require: { verify: 'none' },
  'verify-ca': { verify: 'ca' },
  'verify-full': { verify: 'full' },
}

/** Answers what is wrong with the URL as text, which never repeats the URL: it may hold a password. */
export function parsePostgresUrl(text: string): PostgresAddress | string {
  if (HOST_LIST.test(text)) return SEVERAL_HOSTS
  const url = readUrl(text)
  if (url === undefined)
    return 'cannot be read as a URL; characters such as @, / and % in the password are written in percent-encoding'
  const of = (name: string) => url.parameters.get(name) ?? undefined
  const unknown = [...url.parameters.keys()].find(name => !PARAMETERS.includes(name))
  if (unknown !== undefined) return `has the parameter \`${unknown}\`; known are ${PARAMETERS.join(', ')}`
  const { user, password, database } = url
  const host = of('host') ?? url.host
  if (host === '' || database === '' || user === '')
    return 'names no user, host or database: write postgres://user@host:5432/database'
  if (host.includes(',')) return SEVERAL_HOSTS
  const schema = of('schema') ?? DEFAULT_SCHEMA
  if (!SCHEMA_NAME.test(schema)) return 'names a schema that is not lower-case letters, digits and _'
  const poolSize = of('pool_size')
  if (poolSize !== undefined && !POOL_SIZE.test(poolSize))
    return `has pool_size=${poolSize}; it is a number of connections from 1 to 999`
  const mode = of('sslmode') ?? 'disable'
  if (!Object.hasOwn(SSL_MODES, mode))
    return `has sslmode=${mode}; known are ${Object.keys(SSL_MODES).join(', ')}`
  const tls = SSL_MODES[mode]
  const rootCert = of('sslrootcert')
  if (rootCert !== undefined && (tls === undefined || tls.verify === 'none'))
    return 'has sslrootcert, which counts with sslmode=verify-ca or verify-full only'
  const [certFile, keyFile] = [of('sslcert'), of('sslkey')]
  if ((certFile === undefined) !== (keyFile === undefined))
    return 'has one of sslcert and sslkey; they go together'
  if (certFile !== undefined && tls === undefined)
    return 'has sslcert, which counts with sslmode=require, verify-ca or verify-full only'
  const passwordFile = of('password_file')
  if (password !== '' && passwordFile !== undefined)
    return 'has a password and a password_file; give one of them'
  return {
    host,
    port: url.port,
    database,
    user,
    ...(password !== '' && { password: new Secret(password) }),
    ...(passwordFile !== undefined && { passwordFile }),
    schema,
    ...(poolSize !== undefined && { poolSize: Number(poolSize) }),
    ...(tls !== undefined && {
      tls: {
        ...tls,
        ...(rootCert !== undefined && { rootCert }),
        ...(certFile !== undefined && keyFile !== undefined && { client: { certFile, keyFile } }),
      },
    }),
  }
}

/** The same address with every file where `place` says that it is. */
export function placePostgresFiles(
  address: PostgresAddress,
  place: (path: string) => string,
): PostgresAddress {
  const { passwordFile, tls } = address
  return {
    ...address,
    ...(passwordFile !== undefined && { passwordFile: place(passwordFile) }),
    ...(tls !== undefined && {
      tls: {
        ...tls,
        ...(tls.rootCert !== undefined && { rootCert: place(tls.rootCert) }),
        ...(tls.client !== undefined && {
          client: { certFile: place(tls.client.certFile), keyFile: place(tls.client.keyFile) },
        }),
      },
    }),
  }
}

function readUrl(text: string) {
  try {
    const { username, password, hostname, port, pathname, searchParams } = new URL(text)
    return {
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      // An IPv6 address stands in brackets.
      host: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? DEFAULT_PORT : Number(port),
      database: decodeURIComponent(pathname.slice(1)),
      parameters: searchParams,
    }
  } catch {
    return undefined
  }
}

/** For messages: everything but the password. */
export function placeOf({ user, host, port, database, schema }: PostgresAddress): string {
  const at = host.includes(':') ? `[${host}]` : host
  return `postgres://${user}@${at}:${port}/${database}${schema === DEFAULT_SCHEMA ? '' : `?schema=${schema}`}`
}
