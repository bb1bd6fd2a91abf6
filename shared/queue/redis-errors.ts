/** Failures of Redis, in words that name the address and the setting to change, and never a password. */
import { AppError } from '../runtime/errors.ts'
import { type TlsFailureKind, tlsFailureOf } from '../runtime/tls-failure.ts'
import { type RedisAddress, redisAddressText } from './redis-address.ts'

/** Answers that no other attempt will better: what was configured is wrong. */
const REFUSALS =
  /\b(WRONGPASS|NOAUTH|NOPERM|ERR (invalid password|AUTH|DB index))|without any password configured/i
const SENTINEL = /connect to sentinel/
/** From Sentinels; which of the two depends on the version of their protocol. */
const NO_SUCH_MASTER = /No such master|invalid reply: null/

/** A failure to open the queue. Only then may the wrong kind of port be the reason: later the connection has held before. */
export function redisOpeningError(address: RedisAddress, given: unknown): AppError {
  return redisError('Opening the queue', address, given, hintOf(address, messageOf(given)))
}

/** A failure of Redis in words that name the address, and never the password. `hint` is a sentence and a space, or nothing. */
export function redisError(doing: string, address: RedisAddress, given: unknown, hint = ''): AppError {
  if (given instanceof AppError) return given
  const place = redisAddressText(address)
  const message = messageOf(given)
  // The error of a command carries its arguments, and those of AUTH are the password: only the words go on.
  const cause = new Error(message)
  const fatal = (code: string, text: string) =>
    new AppError({ code, next: 'fatal', message: `${doing} at ${place}: ${text}`, cause })
  if (REFUSALS.test(message)) {
    const settings = SENTINEL.test(message)
      ? '`sentinel_user` and `sentinel_password`, which the Sentinels ask for themselves, in `queue`'
      : 'user, password and database of `queue`'
    return fatal(
      'queue-refused',
      `the server refused: ${message}. Check ${settings} in tidewater.yaml, and what the user may do.`,
    )
  }
  if (address.kind === 'sentinel' && NO_SUCH_MASTER.test(message)) {
    return fatal(
      'queue-refused',
      `the Sentinels watch no master of the name ${address.master}. Write the one of their \`sentinel monitor\` into \`queue\` in tidewater.yaml.`,
    )
  }
  const failure = tlsFailureOf(given)
  if (failure !== undefined) return fatal('queue-tls', `${failure.reason}. ${TLS_ADVICE[failure.kind]}`)
  return new AppError({
    code: 'queue-unreachable',
    next: 'retry',
    message: `${doing} at ${place} failed: ${message}. ${hint}Nothing is lost: what waits is in the metadata database, and is queued again when Redis answers.`,
    cause,
  })
}

const TLS_ADVICE: Readonly<Record<TlsFailureKind, string>> = {
  authority:
    'Nobody whom Tidewater trusts has signed the certificate of the server: give the certificate of its authority as `ca_file` in `queue`.',
  name: 'Write the host in `queue` as the certificate of the server has it. Sentinels and nodes of a Cluster tell addresses of servers: let them announce host names, or name the addresses in the certificates.',
  time: 'Renew the certificate of the server, or set the clock of this machine right.',
  'client-certificate':
    'The server wants a certificate of its clients: give one that its authority has signed as `cert_file` and `key_file` in `queue`.',
  'no-tls': 'There is no TLS at this port: write redis:// instead of rediss://, or the port that speaks TLS.',
  other: 'Check which versions and ciphers of TLS the server takes.',
}

/** Servers that end a connection do not say why; one of the two sides speaking TLS alone looks like this. */
function hintOf({ tls }: RedisAddress, message: string): string {
  if (tls === undefined)
    return /ECONNRESET|EPIPE|Connection is closed/.test(message)
      ? 'If the port speaks TLS, write rediss:// instead of redis://. '
      : ''
  if (/ETIMEDOUT|no answer|before secure TLS/.test(message))
    return 'If the port does not speak TLS, write redis:// instead of rediss://. '
  return /ECONNRESET|EPIPE|Connection is closed/.test(message)
    ? 'If the server wants a certificate of its clients, give `cert_file` and `key_file` in `queue`. '
    : ''
}

function messageOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message || cause.name : String(cause)
  return text.replace(/\.+$/, '')
}
