/**
 * A real Redis for tests, on a free loopback port, without persistence unless asked for: what it held is gone after a restart, as
 * after the loss of a machine. It can be stopped for a while (`freeze`), killed and started again on the same port.
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { installRedis } from './install.ts'
import { dataFolder, freePort, removeFolder, type ServerProcess, startProcess } from './server-process.ts'

const MAX_READY_MS = 1_000

export interface RedisOptions {
  readonly password?: string
  /** Writes every change to disk, so that a restart finds it again. */
  readonly persistent?: boolean
  /** More settings of redis.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface RedisServer {
  readonly port: number
  /** With the password, if any. */
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
  let server = await startServer(program, { folder, port, options })
  return {
    port,
    url: `redis://${options.password === undefined ? '' : `:${options.password}@`}127.0.0.1:${port}`,
    kill: () => server.stop({ kill: true }),
    async start() {
      server = await startServer(program, { folder, port, options })
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

function startServer(
  program: string,
  { folder, port, options }: { folder: string; port: number; options: RedisOptions },
): Promise<ServerProcess> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: options.persistent === true ? 'yes' : 'no',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    ...(options.password !== undefined && { requirepass: options.password }),
    ...options.settings,
  }
  const libraries = join(dirname(program), '../libraries')
  return startProcess({
    name: 'Redis',
    program,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    env: existsSync(libraries) ? { LD_LIBRARY_PATH: libraries } : {},
    cwd: folder,
    isReady: async () => /^(\+PONG|-NOAUTH)/.test(await ping(port)),
  })
}

async function ping(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(MAX_READY_MS, () => socket.destroy(new Error('no answer')))
  socket.end('PING\r\n')
  try {
    const [answer] = await once(socket, 'data')
    return String(answer)
  } finally {
    socket.destroy()
  }
}
