/**
 * Connections to one PostgreSQL database: their limits, their session, and how values come and go.
 *
 * Connections pipeline: statements are sent without waiting for the answers of those before, each in its turn. All are prepared by
 * name, once for each connection. What is too slow ends by a timeout of its own: waiting for a connection, for a lock, for a statement,
 * for a client that forgot its transaction, and for an answer that never comes because the machine at the other end is gone.
 */
import { readFileSync } from 'node:fs'
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from 'kysely'
import { Pool, type PoolClient, type QueryResult } from 'pg'
import { AppError } from '../../runtime/errors.ts'
import type { Database } from '../database.ts'
import { type AnyStatement, type CompiledStatement, compileRows, compileStatement } from '../steps.ts'
import type { PostgresAddress, PostgresTls } from './address.ts'

/** For each process. A server's own limit (max_connections, 100 by default) is shared by all. */
export const MAX_CONNECTIONS = 10
/** Waiting for a free connection, or for a new one to be made. */
const CONNECT_TIMEOUT_MS = 10_000
const LOCK_TIMEOUT_MS = 10_000
const STATEMENT_TIMEOUT_MS = 30_000
/** The server ends a transaction whose process stands still, so that its locks are free. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 20_000
/** Longer than the server's timeouts: only an answer that never comes runs into it. */
const ANSWER_TIMEOUT_MS = 40_000
const KEEPALIVE_DELAY_MS = 10_000
const IDLE_CONNECTION_MS = 60_000
/** So that a process finds its way back after a failover behind one name. */
const CONNECTION_LIFETIME_S = 1800
/** Of inserts of many rows: each statement costs more than its rows. */
const ROWS_AT_ONCE = 10

export function openPool(address: PostgresAddress, maxConnections: number): Pool {
  const pool = new Pool({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    password: () => passwordOf(address),
    ssl: address.tls === undefined ? false : tlsOptions(address.tls, address.host),
    application_name: 'tidewater',
    options: `-c search_path=${address.schema} -c bytea_output=hex`,
    pipeline: true,
    types: { getTypeParser: typeParser },
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    maxLifetimeSeconds: CONNECTION_LIFETIME_S,
  })
  // A connection that dies tells whoever uses it by failing the statement; without these listeners it would end the process.
  pool.on('error', ignore)
  pool.on('connect', client => client.on('error', ignore))
  return pool
}

function ignore(): void {}

/** Read for each new connection, so that a password that changes in its file is taken up. */
function passwordOf({ password, passwordFile }: PostgresAddress): string {
  if (passwordFile === undefined) return password?.reveal() ?? ''
  return readSetting('password_file', passwordFile).trimEnd()
}

function tlsOptions({ verify, rootCert, client }: PostgresTls, host: string) {
  return {
    // `pg` names only hosts that are no addresses, and the certificate of an address would be compared with `localhost`.
    host,
    rejectUnauthorized: verify !== 'none',
    ...(rootCert !== undefined && { ca: readSetting('sslrootcert', rootCert) }),
    ...(client !== undefined && {
      cert: readSetting('sslcert', client.certFile),
      key: readSetting('sslkey', client.keyFile),
    }),
    // verify-ca: whoever the authority has signed will do, whatever its name.
    ...(verify === 'ca' && { checkServerIdentity: () => undefined }),
  }
}

function readSetting(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AppError({
      code: 'metadata-login',
      next: 'fatal',
      message: `Reading ${path}, which \`${setting}\` in \`metadata\` names, failed: ${String(cause)}.`,
      details: { path },
      cause,
    })
  }
}

// ---- values ------------------------------------------------------------------------------------------------------

const INTEGERS = new Set([20, 21, 23, 26])
const NUMERIC = 1700
const BYTEA = 17

/** The one place where values are decoded: integers of any width, and sums of them, which PostgreSQL makes `numeric`, as bigint. */
function typeParser(oid: number): (text: string) => unknown {
  if (INTEGERS.has(oid) || oid === NUMERIC) return BigInt
  return oid === BYTEA ? bytesOf : asText
}

function bytesOf(text: string): Uint8Array {
  // `\x` and hexadecimal digits: the session's bytea_output says so.
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

function asText(text: string): string {
  return text
}

/** PostgreSQL's text has no NUL, which a broken record's message may well have: it shows as the sign for it. */
function withoutNul(value: null | string | bigint | Uint8Array): null | string | bigint | Uint8Array {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\u2400') : value
}

// ---- statements --------------------------------------------------------------------------------------------------

/** Kysely as a writer of SQL for PostgreSQL; it runs nothing. */
const writer = new Kysely<Database>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: db => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

interface Named extends CompiledStatement {
  readonly name: string
}
/** One for each statement in the program's text, for all connections; `rows` for many sets of parameters, where it takes them. */
const compiledStatements = new Map<AnyStatement, { readonly one: Named; readonly rows?: Named }>()

function compileOnce(statement: AnyStatement) {
  const known = compiledStatements.get(statement)
  if (known !== undefined) return known
  const name = `tidewater_${compiledStatements.size}`
  const rows = compileRows(writer, statement, ROWS_AT_ONCE)
  const named = {
    one: { ...compileStatement(writer, statement), name },
    ...(rows !== undefined && { rows: { ...rows, name: `${name}_rows` } }),
  }
  compiledStatements.set(statement, named)
  return named
}

/** What `pg` sends: the text of a prepared statement goes only once over each connection. */
export interface BoundQuery {
  readonly name: string
  readonly text: string
  readonly values: unknown[]
}

export function boundQuery(statement: AnyStatement, parameters: object): BoundQuery {
  return bound(compileOnce(statement).one, [parameters])
}

/** One query for each set of parameters, or for each so many where the statement inserts rows. */
export function* boundQueries(statement: AnyStatement, sets: readonly object[]): Generator<BoundQuery> {
  const { one, rows } = compileOnce(statement)
  let done = 0
  if (rows !== undefined)
    for (; done + ROWS_AT_ONCE <= sets.length; done += ROWS_AT_ONCE)
      yield bound(rows, sets.slice(done, done + ROWS_AT_ONCE))
  for (const parameters of sets.slice(done)) yield bound(one, [parameters])
}

function bound({ name, sql, bind }: Named, rows: readonly object[]): BoundQuery {
  return { name, text: sql, values: bind(...rows).map(withoutNul) }
}

/** Statements of the dialect itself, which have no twin in `queries/`. */
export function ownQuery(name: string, query: RawBuilder<unknown>): BoundQuery {
  const { sql, parameters } = query.compile(writer)
  return { name: `tidewater_${name}`, text: sql, values: [...parameters] }
}

// ---- pipelines ---------------------------------------------------------------------------------------------------

export interface Pipeline {
  /** Sends with the next `flush`, or before. A failure is thrown there. */
  post(query: BoundQuery | string): Promise<QueryResult>
  /** Waits for all that was posted; throws the first failure, of which those after it are echoes. */
  flush(): Promise<void>
  readonly length: number
}

export function openPipeline(client: PoolClient): Pipeline {
  let posted: Promise<QueryResult>[] = []
  return {
    post(query) {
      // One packet for all that is posted together.
      if (posted.length === 0) client.connection.stream.cork()
      const answer = typeof query === 'string' ? client.query(query) : client.query({ ...query })
      // `flush` throws it for whoever awaits the transaction.
      answer.catch(ignore)
      posted.push(answer)
      return answer
    },
    async flush() {
      if (posted.length === 0) return
      client.connection.stream.uncork()
      const answers = await Promise.allSettled(posted)
      posted = []
      for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
    },
    get length() {
      return posted.length
    },
  }
}
