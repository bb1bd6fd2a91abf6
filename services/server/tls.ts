/**
 * TLS of the server: its certificate and key, read from their files when it starts and again while it runs, since certificates are renewed.
 *
 * Both files are read every ten seconds and compared with what is in use. Times of files and notifications were rejected: mounted secrets
 * of Kubernetes are swapped by links, and neither is sure there. What cannot be used, such as a new certificate whose key is still on its
 * way, is reported and changes nothing. Connections that are open keep the certificate that they began with.
 */
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { ServerTls } from '../../shared/config/config.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'

const MIN_VERSION = 'TLSv1.2'
const MAX_HANDSHAKE_MS = 10_000
const CHECK_INTERVAL_MS = 10_000

interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Errors: `server-tls-file-unreadable`, `server-tls-invalid` (both fatal). Neither tells what the files hold. */
function readCertificate({ certFile, keyFile }: ServerTls): Certificate {
  const certificate = { cert: readSetting('cert_file', certFile), key: readSetting('key_file', keyFile) }
  try {
    createSecureContext(certificate)
  } catch (cause) {
    throw new AppError({
      code: 'server-tls-invalid',
      next: 'fatal',
      message: `Using the certificate ${certFile} (server.tls.cert_file) with the key ${keyFile} (server.tls.key_file): ${reasonOf(cause)}.`,
      details: { cert_file: certFile, key_file: keyFile },
      cause,
    })
  }
  return certificate
}

function readSetting(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new AppError({
      code: 'server-tls-file-unreadable',
      next: 'fatal',
      message: `Reading ${path} (server.tls.${name}) failed: ${cause instanceof Error ? cause.message : String(cause)}. The user who runs Tidewater must be able to read it.`,
      details: { file: path },
      cause,
    })
  }
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reasons: Readonly<Record<string, string>> = {
    ERR_OSSL_X509_KEY_VALUES_MISMATCH:
      'the key is not that of the certificate. The certificate of the server stands first in its file, those of authorities after it',
    ERR_OSSL_PEM_NO_START_LINE: 'one of the files is not PEM: text that begins with -----BEGIN',
    ERR_OSSL_UNSUPPORTED: 'the key is no PEM key without a password',
    ERR_OSSL_BAD_DECRYPT: 'the key has a password. Write it without one, and let only its user read the file',
    ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED:
      'the key has a password. Write it without one, and let only its user read the file',
  }
  return reasons[code] ?? (cause instanceof Error ? cause.message : String(cause))
}

export interface Renewal {
  readonly runtime: Pick<Runtime, 'sleep'>
  readonly signal: AbortSignal
  /** Told when servers have taken up what the files hold now. */
  readonly renewed: (certFile: string) => void
  /** Told of files that cannot be used, at every look. */
  readonly problem: (error: unknown) => void
}

/** The certificate of these files, and what serves with it. */
export interface Tls {
  createServer(options: ServerOptions, handler: RequestListener): Server
  /** Looks for another certificate until `signal` aborts; never rejects. */
  renew(renewal: Renewal): Promise<void>
  /** Ends every connection, those that never said who they are too. */
  closeAll(): void
}

/** Errors: those of `readCertificate`. */
export function openTls(files: ServerTls): Tls {
  let current = readCertificate(files)
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  return {
    createServer(options, handler) {
      const secure = { ...current, minVersion: MIN_VERSION, handshakeTimeout: MAX_HANDSHAKE_MS } as const
      const server = createServer({ ...options, ...secure }, handler)
      servers.push(server)
      // In the middle of a handshake HTTP does not know of them yet, and the server would wait for them when it closes.
      server.on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      })
      return server
    },
    async renew({ runtime, signal, renewed, problem }) {
      while (true) {
        await runtime.sleep(CHECK_INTERVAL_MS, signal)
        if (signal.aborted) return
        try {
          const found = readCertificate(files)
          if (found.cert.equals(current.cert) && found.key.equals(current.key)) continue
          current = found
          for (const server of servers) server.setSecureContext({ ...found, minVersion: MIN_VERSION })
          renewed(files.certFile)
        } catch (error) {
          problem(error)
        }
      }
    },
    closeAll() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
