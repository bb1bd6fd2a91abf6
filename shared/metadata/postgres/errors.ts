/** What went wrong in PostgreSQL, in our words. Messages name host and database, and never the password. */
import { AppError, type NextStep } from '../../runtime/errors.ts'

/**
 * lost: the connection is gone, and what was under way with it · conflict: undone by the server in favour of another transaction ·
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
  const isGone = code.startsWith('08') || SERVER_GONE.includes(code) || SOCKET.includes(code)
  const isOfClient = code === '' && cause instanceof Error && LOST_MESSAGE.test(cause.message)
  return isGone || isOfClient ? 'lost' : 'other'
}

interface Explanation {
  readonly codes: readonly string[]
  readonly code: string
  readonly next: NextStep
  readonly advice: string
}

const TRY_AGAIN = 'Nothing was changed, and the work is tried again.'
/** The first whose codes begin the error's code. */
const EXPLANATIONS: readonly Explanation[] = [
  {
    codes: ['28', '0P', '0L'],
    code: 'metadata-login',
    next: 'fatal',
    advice:
      'Check user and password in `metadata`, and that the server’s pg_hba.conf lets this machine in with this TLS mode.',
  },
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
    codes: ['53300'],
    code: 'metadata-unavailable',
    next: 'retry',
    advice: `The server has no connection left: raise max_connections, or run fewer processes. ${TRY_AGAIN}`,
  },
  {
    codes: ['25006'],
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
const TLS_REFUSED = /does not support SSL/i
const TLS_CODES = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/

/** Errors of PostgreSQL and of the way to it; others, which the steps threw, as they are. */
export function explain(cause: unknown, place: string): unknown {
  if (cause instanceof AppError || !(cause instanceof Error)) return cause
  const code = codeOf(cause)
  const isTls = TLS_CODES.test(code) || TLS_REFUSED.test(cause.message)
  const known = EXPLANATIONS.find(({ codes }) => codes.some(begin => code.startsWith(begin)))
  const isOfServer = /^[0-9A-Z]{5}$/.test(code)
  const kind = kindOf(cause)
  if (!isTls && known === undefined && !isOfServer && kind === 'other') return cause
  const found = isTls ? TLS_FAILED : (known ?? (kind === 'lost' ? UNREACHABLE : DEFECT))
  const reason = cause.message === '' ? code : cause.message
  return new AppError({
    code: found.code,
    next: found.next,
    message: `The metadata database ${place} failed: ${reason}${code === '' ? '' : ` (${code})`}. ${found.advice}`,
    details: { database: place },
    cause,
  })
}

const TLS_FAILED: Omit<Explanation, 'codes'> = {
  code: 'metadata-tls',
  next: 'fatal',
  advice:
    'Set `sslmode` in `metadata` to what the server offers (disable, require, verify-ca, verify-full), and `sslrootcert` to the certificate of its authority.',
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
