/**
 * Why a TLS connection did not come about, from the errors of Node and OpenSSL. Every adapter asks here, and words the advice with the
 * names of its own settings. Some clients hand on the text of an error without its code, so both are looked at.
 */

export type TlsFailureKind =
  /** Nobody whom we trust has signed the server's certificate. */
  | 'authority'
  /** It is for other names. */
  | 'name'
  /** Its time is over, or has not begun. */
  | 'time'
  /** The server wants a certificate of ours, or does not take the one it was shown. */
  | 'client-certificate'
  /** Something answered, and it was no TLS. */
  | 'no-tls'
  /** No version, cipher or strength of keys that both take. */
  | 'other'

export interface TlsFailure {
  readonly kind: TlsFailureKind
  /** For a message; does not end in a full stop. */
  readonly reason: string
}

const SIGNS: readonly (readonly [TlsFailureKind, RegExp])[] = [
  ['name', /ERR_TLS_CERT_ALTNAME|does not match certificate's altnames/],
  ['time', /CERT_(HAS_EXPIRED|NOT_YET_VALID)|certificate (has expired|is not yet valid)/],
  [
    'authority',
    /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_SIGNATURE_FAILURE|self[- ]signed certificate|unable to (verify the first|get (local )?issuer) certificate/i,
  ],
  [
    'client-certificate',
    /alert (certificate required|unknown ca|bad certificate|handshake failure|certificate unknown)|ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE|HANDSHAKE_FAILURE|CERTIFICATE_UNKNOWN)/i,
  ],
  ['no-tls', /wrong version number|WRONG_VERSION_NUMBER|packet length too long/i],
  [
    'other',
    /^CERT_|ERR_TLS_(INVALID|PROTOCOL)|(unsupported|unknown|no)[ _](ssl[ _]version|protocols?)|protocol[ _]version|(no[ _]shared|no[ _]available|no)[ _]ciphers?|insufficient[ _]security|inappropriate[ _]fallback|key[ _]too[ _]small|md[ _]too[ _]weak|legacy[ _]renegotiation|version[ _]too[ _]low/i,
  ],
]

const OF_TLS = /ERR_(TLS|SSL)_|^EPROTO$|(SSL|Provider) routines/

/** `undefined` for what is no failure of TLS, and for what breaks a connection of it and may pass. */
export function tlsFailureOf(cause: unknown): TlsFailure | undefined {
  if (!(cause instanceof Error)) return undefined
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  const found = SIGNS.find(([, sign]) => sign.test(code) || sign.test(cause.message))
  return found === undefined ? undefined : { kind: found[0], reason: reasonOf(cause) }
}

/** Whether bytes that were spoilt on the way, or an alert of a server in trouble, ended the connection: as if it had been cut. */
export function isBrokenTls(cause: unknown): boolean {
  if (!(cause instanceof Error) || tlsFailureOf(cause) !== undefined) return false
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  return OF_TLS.test(code) || OF_TLS.test(cause.message)
}

/** OpenSSL's own line is an address, numbers and file names around a few words; Node keeps those in `reason`. */
function reasonOf(cause: Error): string {
  const words = 'reason' in cause && typeof cause.reason === 'string' ? cause.reason : undefined
  const within = /SSL routines:[^:]*:([^:]+)/.exec(cause.message)?.[1]
  return (words ?? within ?? cause.message).trim().replace(/\.+$/, '')
}
