/** The `server:` part of tidewater.yaml: where the HTTP server listens, who may ask, and its limits. */
import { z } from 'zod'
import { parseListen } from './listen-address.ts'
import { boolean, duration, integer, integerOrNone, scalar, secret, size, text } from './schema-values.ts'

const KIB = 2 ** 10
const MIB = 2 ** 20
const HOUR_MS = 3_600_000

export const serverTlsSchema = z.strictObject({
  cert_file: text(
    'the path of a PEM file',
    'PEM file of the certificate, and after it those of the authorities between it and one that clients trust.',
  ),
  key_file: text('the path of a PEM file', 'PEM file of the key, without a password.'),
})

export const serverSchema = z.strictObject({
  listen: scalar(
    parseListen,
    { type: 'string' },
    'host:port of the HTTP server: health, metrics, API and the Iceberg REST catalog; none for no server. Port 0 takes any free one.',
  ).prefault('127.0.0.1:8181'),
  token: secret(
    '16 to 1024 letters, digits and - . _ ~ + /, with = at the end',
    'Bearer token that requests must carry; required unless only this machine can reach the address. Write it as a reference to an environment variable.',
    /^(?=.{16,1024}$)[A-Za-z0-9._~+/-]+=*$/,
  ).optional(),
  tls: serverTlsSchema
    .optional()
    .meta({ description: 'Speak HTTPS with this certificate, TLS 1.2 or newer, instead of plain HTTP.' }),
  pass_credentials: boolean(
    'Hand the access keys of the warehouse to clients of the catalog; without it they bring their own.',
  ).prefault(false),
  request_timeout: duration(
    1000,
    HOUR_MS,
    '1s to 1h',
    'A request that has not arrived, or is not answered, after this long is given up.',
  ).prefault('30s'),
  stop_timeout: duration(
    0,
    HOUR_MS,
    '0s to 1h',
    'How long requests under way may take to end when the process stops.',
  ).prefault('10s'),
  max_body_size: size(KIB, 64 * MIB, '1KiB to 64MiB', 'A larger body is refused.').prefault('1MiB'),
  max_requests: integer(
    1,
    100_000,
    'Requests answered at once; more get 503 and are to come again.',
  ).prefault(256),
  max_requests_per_minute: integerOrNone(
    1,
    10_000_000,
    'Requests of one client in a minute, whose address is that of the connection; more get 429 and are to come again. none for any number.',
  ).prefault(12_000),
  max_wrong_tokens_per_minute: integerOrNone(
    1,
    100_000,
    'Wrong tokens of one client in a minute; then it gets 429 whatever token it sends. none for any number.',
  ).prefault(60),
  max_connections: integer(1, 100_000, 'Open connections; more are closed at once.').prefault(1024),
})
