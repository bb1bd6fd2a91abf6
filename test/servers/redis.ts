/**
 * A real Redis for tests, on a free loopback port, without persistence unless asked for: what it held is gone after a restart, as
 * after the loss of a machine. It can be stopped for a while (`freeze`), killed and started again on the same port.
 */
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { runStep } from './cache.ts'
import type { CertificateAuthority } from './certificates.ts'
import { installRedis } from './install.ts'
import { dataFolder, freePort, removeFolder, type ServerProcess, startProcess } from './server-process.ts'

const MAX_READY_MS = 1_000

export interface RedisOptions {
  readonly password?: string
  /** Writes every change to disk, so that a restart finds it again. */
  readonly persistent?: boolean
  /** Nothing but TLS is spoken, with a certificate of this authority; `clients` must show one of it, too. */
  readonly tls?: {
    readonly authority: CertificateAuthority
    readonly clients?: 'must show one'
    /** In the certificate; those of this machine unless told. */
    readonly names?: readonly string[]
  }
  /** More settings of redis.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** More lines of it, for settings that come several times. */
  readonly lines?: readonly string[]
  /** Watches other servers rather than holding data. */
  readonly isSentinel?: boolean
}

export interface RedisServer {
  readonly port: number
  /** With the password, if any; not with the files of TLS. */
  readonly url: string
  /** SIGKILL, as a crash would; `start` brings it back on the same port. */
  kill(): Promise<void>
  start(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers, until `thaw`. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const program = await installRedis()
  const folder = dataFolder('redis')
  const port = await freePort()
  writeFileSync(join(folder, CONFIG), configuration({ folder, port, options }))
  const start = () => startServer(program, { folder, port, options })
  let server = await start()
  const scheme = options.tls === undefined ? 'redis' : 'rediss'
  return {
    port,
    url: `${scheme}://${options.password === undefined ? '' : `:${options.password}@`}127.0.0.1:${port}`,
    kill: () => server.stop({ kill: true }),
    async start() {
      server = await start()
    },
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    async stop() {
      server.signal('SIGCONT')
      await server.stop()
      removeFolder(folder)
    },
  }
}

/** Runs `redis-cli`. */
export async function redisCli(args: readonly string[]): Promise<string> {
  const program = await installRedis()
  const cli = program.includes('/') ? join(dirname(program), 'redis-cli') : 'redis-cli'
  return runStep('Running redis-cli', [cli, ...args], { env: librariesOf(program) })
}

/** Written once: a server keeps there what it learns, above all whose replica it is. */
const CONFIG = 'redis.conf'

interface Place {
  readonly folder: string
  readonly port: number
  readonly options: RedisOptions
}

function configuration({ folder, port, options }: Place): string {
  const { tls } = options
  const pair = tls?.authority.server(tls.names)
  const settings = {
    bind: '127.0.0.1',
    dir: folder,
    ...(pair === undefined
      ? { port: String(port) }
      : {
          port: '0',
          'tls-port': String(port),
          'tls-cert-file': pair.certFile,
          'tls-key-file': pair.keyFile,
          'tls-ca-cert-file': tls?.authority.caFile,
          'tls-auth-clients': tls?.clients === undefined ? 'no' : 'yes',
          'tls-replication': 'yes',
        }),
    ...(options.isSentinel !== true && {
      save: '""',
      appendonly: options.persistent === true ? 'yes' : 'no',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
    }),
    ...(options.password !== undefined && { requirepass: options.password }),
    ...options.settings,
  }
  const lines = [
    ...Object.entries(settings).map(([name, value]) => `${name} ${value}`),
    ...(options.lines ?? []),
  ]
  return `${lines.join('\n')}\n`
}

function startServer(program: string, place: Place): Promise<ServerProcess> {
  const { folder, options } = place
  return startProcess({
    name: 'Redis',
    program,
    args: [join(folder, CONFIG), ...(options.isSentinel === true ? ['--sentinel'] : [])],
    env: librariesOf(program),
    cwd: folder,
    isReady: async () => /^(\+PONG|-NOAUTH)/.test(await ping(place)),
  })
}

function librariesOf(program: string): Record<string, string> {
  const libraries = join(dirname(program), '../libraries')
  return existsSync(libraries) ? { LD_LIBRARY_PATH: libraries } : {}
}

async function ping({ port, options }: Place): Promise<string> {
  const { tls } = options
  const to = { host: '127.0.0.1', port }
  const socket =
    tls === undefined
      ? connect(to)
      : connectTls({ ...to, ...clientTls(tls.authority), checkServerIdentity: () => undefined })
  socket.setTimeout(MAX_READY_MS, () => socket.destroy(new Error('no answer')))
  socket.write('PING\r\n')
  try {
    const [answer] = await once(socket, 'data')
    return String(answer)
  } finally {
    socket.destroy()
  }
}

/** For clients of tests: what a server asks for that wants to see certificates. */
export function clientTls(authority: CertificateAuthority): { ca: string; cert: string; key: string } {
  const { certFile, keyFile } = authority.client('tests')
  const text = (path: string) => readFileSync(path, 'utf8')
  return { ca: text(authority.caFile), cert: text(certFile), key: text(keyFile) }
}
