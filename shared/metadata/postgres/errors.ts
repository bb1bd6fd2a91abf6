/** What went wrong in PostgreSQL, in our words. Messages name host and database, and never the password. */
import { AppError, type NextStep } from '../../runtime/errors.ts'
import { isBrokenTls, type TlsFailureKind, tlsFailureOf } from '../../runtime/tls-failure.ts'

/**
 * lost: the connection is gone or leads to a server that takes no writes, and what was under way with it · conflict: undone by the server in favour of another transaction ·
 * stale: a statement was prepared before an upgrade added a column to what it selects, so this connection is of no more use.
 */
type FailureKind = 'lost' | 'conflict' | 'stale' | 'other'

/** SQLSTATE codes (PostgreSQL manual, appendix A) and those of Node's sockets, which are also in `code`. */
function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

const DEADLOCK = '40P01'
const SERIALIZATION = '40001'
const NOT_SUPPORTED = '0A000'
/** `too_many_connections`: a connection was not made, and may be when another process has closed one. */
const NO_ROOM = '53300'
/** A standby, or a primary that became one: another connection may find the server that takes writes. */
const READ_ONLY = '25006'
/** What a pooler says that hands each transaction to another connection, or takes no settings of a session. */
const POOLER_CODES = ['42P05', '26000']
const POOLER_REFUSED = /unsupported startup parameter/i
/** Of an administrator's stop, a crash, a start that is under way, and sessions that the server ended. */
const SERVER_GONE = ['57P01', '57P02', '57P03', '57P05', '25P03', '25P04']
const SOCKET = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]
/** Errors of `pg` itself have no code. */
const LOST_MESSAGE =
  /connection terminated|not queryable|timeout exceeded when trying to connect|timeout expired|query read timeout|client was closed/i

export function kindOf(cause: unknown): FailureKind {
  const code = codeOf(cause)
  if (code === DEADLOCK || code === SERIALIZATION) return 'conflict'
  if (code === NOT_SUPPORTED && cause instanceof Error && cause.message.includes('cached plan'))
    return 'stale'
  if (isOfPooler(cause, code)) return 'other'
  const isGone = [NO_ROOM, READ_ONLY, ...SERVER_GONE, ...SOCKET].includes(code) || code.startsWith('08')
  const isOfClient = code === '' && cause instanceof Error && LOST_MESSAGE.test(cause.message)
  return isGone || isOfClient || isBrokenTls(cause) ? 'lost' : 'other'
}

function isOfPooler(cause: unknown, code: string): boolean {
  return POOLER_CODES.includes(code) || (cause instanceof Error && POOLER_REFUSED.test(cause.message))
}

interface Explanation {
  readonly codes: readonly string[]
  readonly code: string
  readonly next: NextStep
  readonly advice: string
}

const TRY_AGAIN = 'Nothing was changed; `tidewater run` tries again by itself.'
const LOGIN: Explanation = {
  codes: ['28', '0P', '0L'],
  code: 'metadata-login',
  next: 'fatal',
  advice:
    'Check user and password in `metadata`, and that the server’s pg_hba.conf lets this machine in with this TLS mode.',
}
/** The first whose codes begin the error's code. */
const EXPLANATIONS: readonly Explanation[] = [
  LOGIN,
  {
    codes: ['3D000'],
    code: 'metadata-database-missing',
    next: 'fatal',
    advice: 'Create the database, or name another one in `metadata`.',
  },
  {
    codes: ['42501', '3F000'],
    code: 'metadata-rights',
    next: 'fatal',
    advice:
      'The user needs USAGE and CREATE on its schema, and owns what Tidewater made there; docs/postgres.md has the statements.',
  },
  {
    codes: [NO_ROOM],
    code: 'metadata-unavailable',
    next: 'retry',
    advice: `The server has no connection left: raise its max_connections, lower pool_size in the URL, or run fewer processes. ${TRY_AGAIN}`,
  },
  {
    codes: [READ_ONLY],
    code: 'metadata-unavailable',
    next: 'retry',
    advice: `The server takes no writes, as a standby does: point \`metadata\` at the primary. ${TRY_AGAIN}`,
  },
  {
    codes: ['53', '58'],
    code: 'metadata-disk',
    next: 'retry',
    advice: `Make room for the server: disk or memory. ${TRY_AGAIN}`,
  },
  {
    codes: [DEADLOCK, SERIALIZATION, '55P03', '57014'],
    code: 'metadata-busy',
    next: 'retry',
    advice: `Another transaction held what this one needs for too long; look for it in pg_stat_activity. ${TRY_AGAIN}`,
  },
  {
    codes: ['XX001', 'XX002'],
    code: 'metadata-damaged',
    next: 'fatal',
    advice: 'The server says that its files are damaged. Restore it from a backup.',
  },
]
const UNREACHABLE: Omit<Explanation, 'codes'> = {
  code: 'metadata-unavailable',
  next: 'retry',
  advice: `Check that it runs and that this machine reaches it. ${TRY_AGAIN}`,
}
const DEFECT: Omit<Explanation, 'codes'> = {
  code: 'metadata-statement-failed',
  next: 'fatal',
  advice: 'This is a defect in Tidewater, or the tables were changed by something else; please report it.',
}
const POOLER: Omit<Explanation, 'codes'> = {
  code: 'metadata-pooler',
  next: 'fatal',
  advice:
    'A pooler that stands between does not keep a session’s settings and prepared statements. Name the server itself in `metadata`; docs/postgres.md says which poolers do.',
}
/** Of `pg` itself, without a code: the server asks for a password and there is none, or it cannot prove that it knows it. */
const LOGIN_BROKEN = /^SASL:/
const TLS_REFUSED = /does not support SSL/i
/** Advice of the server's own refusals that only a client's certificate mends; their code is that of any refused login. */
const CERTIFICATE_WANTED = /requires a valid client certificate/i

/** Errors of PostgreSQL and of the way to it; others, which the steps threw, as they are. */
export function explain(cause: unknown, place: string): unknown {
  if (cause instanceof AppError || !(cause instanceof Error)) return cause
  const code = codeOf(cause)
  const tls = tlsAdviceOf(cause)
  const known = LOGIN_BROKEN.test(cause.message)
    ? LOGIN
    : isOfPooler(cause, code)
      ? POOLER
      : EXPLANATIONS.find(({ codes }) => codes.some(begin => code.startsWith(begin)))
  const isOfServer = /^[0-9A-Z]{5}$/.test(code)
  const kind = kindOf(cause)
  if (tls === undefined && known === undefined && !isOfServer && kind === 'other') return cause
  const found =
    tls === undefined
      ? (known ?? (kind === 'lost' ? UNREACHABLE : DEFECT))
      : { code: 'metadata-tls', next: 'fatal' as const, advice: tls }
  const reason = tlsFailureOf(cause)?.reason ?? (cause.message === '' ? code : cause.message)
  return new AppError({
    code: found.code,
    next: found.next,
    message: `The metadata database ${place} failed: ${reason}${code === '' ? '' : ` (${code})`}. ${found.advice}`,
    details: { database: place },
    cause,
  })
}

function tlsAdviceOf(cause: Error): string | undefined {
  if (TLS_REFUSED.test(cause.message)) return TLS_ADVICE['no-tls']
  if (CERTIFICATE_WANTED.test(cause.message)) return TLS_ADVICE['client-certificate']
  const failure = tlsFailureOf(cause)
  return failure === undefined ? undefined : TLS_ADVICE[failure.kind]
}

const TLS_ADVICE: Readonly<Record<TlsFailureKind, string>> = {
  authority:
    'Nobody whom Tidewater trusts has signed the certificate of the server: give the certificate of its authority as `sslrootcert` in `metadata`.',
  name: 'Write the host in `metadata` as the certificate of the server has it; `sslmode=verify-ca` would take any name.',
  time: 'Renew the certificate of the server, or set the clock of this machine right.',
  'client-certificate':
    'The server wants a certificate of its clients: give one that its authority has signed, for this user, as `sslcert` and `sslkey` in `metadata`.',
  'no-tls': 'The server speaks no TLS: set `sslmode=disable` in `metadata`, or switch TLS on there.',
  other: 'Check which versions and ciphers of TLS the server takes.',
}

export function outcomeUnknown(place: string, cause: unknown): AppError {
  return new AppError({
    code: 'metadata-outcome-unknown',
    next: 'retry',
    message: `The connection to the metadata database ${place} ended while a transaction was being committed, and the server cannot tell any more whether it was: ${String(cause)}. The work is tried again from what the database holds; what was committed is found there.`,
    details: { database: place },
    cause,
  })
}

export function newerSchema(
  place: string,
  found: { readonly schema: number; readonly known: number },
): AppError {
  return new AppError({
    code: 'metadata-newer',
    next: 'fatal',
    message: `The metadata database ${place} has migration ${found.schema}, which programs that know ${found.known} may not run beside. A newer version of Tidewater has upgraded it; run that one.`,
    details: { database: place, migration: found.schema, known: found.known },
  })
}
