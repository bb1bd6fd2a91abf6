/** The programs that stand in for the images of docker-compose.yml, each started with what `prepare` made of its service. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { runStep } from '../../servers/cache.ts'
import { installEtcd, installKafscaleBroker, installMinio, installRedis } from '../../servers/install.ts'
import { startPostgres } from '../../servers/postgres.ts'
import { answersOk, freePort, startProcess } from '../../servers/server-process.ts'
import { startTrinoServer, type TrinoServer } from '../../servers/trino.ts'
import { type Addresses, type ComposeService, type Prepared, prepare, ROOT } from './composition.ts'
import { installKafkaTools, installMc } from './install.ts'

export interface Running {
  /** Absent for what has run to its end. */
  readonly trino?: TrinoServer
  stop(): Promise<void>
}

interface Start extends Prepared {
  readonly service: ComposeService
  readonly addresses: Addresses
}

/** Starts a service that is no Tidewater, and returns when it answers. */
export async function startService(
  name: string,
  service: ComposeService,
  addresses: Addresses,
): Promise<Running> {
  const start = STARTERS[name]
  if (start === undefined) throw new Error(`docker-compose.yml has a service ${name} that tests cannot start`)
  return await start({ ...prepare(service, { name, addresses }), service, addresses })
}

const portOf = ({ addresses }: Start, name: string, port: number) => addresses.ports.get(name)?.get(port) ?? 0

const STARTERS: Readonly<Record<string, (start: Start) => Promise<Running>>> = {
  async redis(start) {
    const program = await installRedis()
    const port = portOf(start, 'redis', 6379)
    const libraries = join(dirname(program), '../libraries')
    return startProcess({
      name: 'Redis',
      program,
      // The image's own: any address, and its volume as folder.
      args: [...start.command.slice(1), '--port', String(port), '--bind', '127.0.0.1', '--dir', start.folder],
      env: existsSync(libraries) ? { ...start.env, LD_LIBRARY_PATH: libraries } : start.env,
      cwd: start.folder,
      isReady: async () => await accepts(port),
    })
  },

  async postgres(start) {
    const { POSTGRES_USER, POSTGRES_PASSWORD = '', POSTGRES_DB } = start.env
    if (POSTGRES_USER !== 'tidewater' || POSTGRES_DB !== 'tidewater')
      throw new Error('the test server makes the user and the database tidewater')
    const [program, ...rest] = start.command
    if (program !== 'postgres' || rest.some((word, at) => at % 2 === 0 && word !== '-c'))
      throw new Error(`expected postgres -c name=value …, found ${start.command.join(' ')}`)
    const settings = rest.filter((_, at) => at % 2 === 1).map(word => word.split('=', 2) as [string, string])
    const server = await startPostgres({
      port: portOf(start, 'postgres', 5432),
      password: POSTGRES_PASSWORD,
      settings: Object.fromEntries(settings),
    })
    return { stop: () => server.remove() }
  },

  async minio(start) {
    return startProcess({
      name: 'MinIO',
      program: await installMinio(),
      args: start.command,
      env: { ...start.env, MINIO_UPDATE: 'off', HOME: start.folder },
      cwd: start.folder,
      isReady: () => answersOk(`http://127.0.0.1:${portOf(start, 'minio', 9000)}/minio/health/cluster`),
    })
  },

  async buckets({ command, env, folder }) {
    const [program, ...args] = command
    if (program !== 'mc') throw new Error(`expected mc, found ${program}`)
    runStep('Making buckets', [await installMc(), ...args], { env: { ...env, MC_CONFIG_DIR: folder } })
    return { stop: async () => undefined }
  },

  async etcd(start) {
    const peer = `http://127.0.0.1:${await freePort()}`
    return startProcess({
      name: 'etcd',
      program: await installEtcd(),
      args: [
        ...start.command.slice(1),
        // In a container the default port is free.
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=default=${peer}`,
      ],
      env: { ...start.env, ETCD_UNSUPPORTED_ARCH: process.arch === 'arm64' ? 'arm64' : '' },
      cwd: start.folder,
      isReady: () => answersOk(`http://127.0.0.1:${portOf(start, 'etcd', 2379)}/health`),
    })
  },

  async kafscale(start) {
    return startProcess({
      name: 'KafScale broker',
      program: await installKafscaleBroker(),
      args: start.command,
      // Slow answers of a busy machine are no reason to refuse a test's records.
      env: { KAFSCALE_S3_LATENCY_WARN_MS: '60000', KAFSCALE_S3_LATENCY_CRIT_MS: '120000', ...start.env },
      cwd: start.folder,
      isReady: async () =>
        (await answersOk(`http://127.0.0.1:${portOf(start, 'kafscale', 9093)}/readyz`)) &&
        (await accepts(portOf(start, 'kafscale', 9092))),
    })
  },

  async sample(start) {
    const bin = join(start.folder, 'bin')
    mkdirSync(bin)
    const [java, tools] = ['java', await installKafkaTools()]
    writeFileSync(
      join(bin, 'kafka-console-producer.sh'),
      `#!/bin/sh\nexec ${java} -cp '${tools}' org.apache.kafka.tools.ConsoleProducer "$@"\n`,
      { mode: 0o755 },
    )
    const [program = '', ...args] = start.command
    return startProcess({
      name: 'the sample',
      program,
      args,
      env: { ...start.env, PATH: `${bin}:${process.env.PATH}` },
      cwd: start.folder,
      isReady: async () => true,
    })
  },

  async trino({ service, folder, env }) {
    const catalog = service.volumes.find(({ target }) => target === '/etc/trino/catalog/tidewater.properties')
    if (catalog === undefined) throw new Error('Trino has no catalog tidewater')
    const trino = await startTrinoServer(env)
    await trino.addCatalog('tidewater', readFileSync(join(folder, catalog.target), 'utf8'))
    return { trino, stop: () => trino.stop() }
  },
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}

export interface TidewaterProcess extends Prepared {
  readonly args: readonly string[]
  readonly port: number
}

/** `tidewater` with these arguments, where the configuration lies, as the image starts it in its working directory. */
export async function startTidewater({ args, env, folder, port }: TidewaterProcess) {
  return startProcess({
    name: `tidewater ${args.join(' ')}`,
    program: process.execPath,
    args: [join(ROOT, 'services/cli/launcher.js'), ...args],
    env,
    cwd: join(folder, 'etc/tidewater'),
    isReady: () => answersOk(`http://127.0.0.1:${port}/healthz`),
  })
}
