/** Redis that survives the loss of a server, for tests: watched by Sentinels, or a Cluster. All on this machine, on free ports. */
import { Redis } from 'ioredis'
import { clientTls, type RedisOptions, type RedisServer, redisCli, startRedis } from './redis.ts'
import { freePort } from './server-process.ts'

const SENTINELS = 3
const QUORUM = 2
/** A server that is silent for this long is down. */
const DOWN_AFTER_MS = 1_000
const CLUSTER_MASTERS = 3
const CLUSTER_REPLICAS = 1
const MAX_FORMING_MS = 60_000
const POLL_MS = 200

/** Kept by all of these servers, and by nothing else. */
export const MASTER_NAME = 'tidewater-queue'

export interface RedisGroup {
  /** `host:port,host:port` as addresses of Tidewater have it. */
  readonly hosts: string
  /** SIGKILL for the server that holds the keys with this hash tag now. */
  killHolder(tag: string): Promise<void>
  stop(): Promise<void>
}

export interface RedisGroupOptions extends Pick<RedisOptions, 'tls' | 'password'> {
  /** Of the Sentinels themselves. */
  readonly sentinelPassword?: string
}

export async function startSentinels(options: RedisGroupOptions): Promise<RedisGroup> {
  const { tls, password, sentinelPassword } = options
  const common = { ...(tls && { tls }), ...(password !== undefined && { password }) }
  const auth = password === undefined ? {} : { masterauth: password }
  const master = await startRedis({ ...common, settings: auth })
  const replica = await startRedis({
    ...common,
    settings: { ...auth, replicaof: `127.0.0.1 ${master.port}` },
  })
  const data = [master, replica]
  const watch = (setting: string, value: string) => `sentinel ${setting} ${MASTER_NAME} ${value}`
  const lines = [
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master.port} ${QUORUM}`,
    watch('down-after-milliseconds', String(DOWN_AFTER_MS)),
    watch('failover-timeout', String(10 * DOWN_AFTER_MS)),
    ...(password === undefined ? [] : [watch('auth-pass', password)]),
    ...(sentinelPassword === undefined ? [] : [`sentinel sentinel-pass ${sentinelPassword}`]),
  ]
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () =>
      startRedis({
        ...(tls && { tls }),
        ...(sentinelPassword !== undefined && { password: sentinelPassword }),
        isSentinel: true,
        lines,
      }),
    ),
  )
  const ask = askerOf({
    ...(tls && { tls }),
    ...(sentinelPassword !== undefined && { password: sentinelPassword }),
  })
  // Before they know each other and the replica they cannot agree on a failover.
  await until('Sentinels that know each other', async () => {
    const states = await Promise.all(
      sentinels.map(({ port }) => ask(port, 'SENTINEL', 'CKQUORUM', MASTER_NAME)),
    )
    const replicas = await Promise.all(
      sentinels.map(({ port }) => ask(port, 'SENTINEL', 'REPLICAS', MASTER_NAME)),
    )
    const isWhole = states.every(state => String(state).includes(`${SENTINELS} usable`))
    return isWhole && replicas.every(list => Array.isArray(list) && list.length === 1)
  })
  return {
    hosts: hostsOf(sentinels),
    async killHolder() {
      const [sentinel] = sentinels
      const [, port] = [
        await ask(sentinel?.port ?? 0, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME),
      ].flat()
      await serverAt(data, Number(port)).kill()
    },
    stop: () => stopAll([...sentinels, ...data]),
  }
}

export async function startCluster(options: RedisGroupOptions): Promise<RedisGroup> {
  const { tls, password } = options
  const busPorts = new Map<number, number>()
  const startNode = async () => {
    const busPort = await freePort()
    const node = await startRedis({
      ...(tls && { tls }),
      ...(password !== undefined && { password }),
      settings: {
        'cluster-enabled': 'yes',
        'cluster-port': String(busPort),
        'cluster-node-timeout': String(DOWN_AFTER_MS),
        'cluster-config-file': 'nodes.conf',
        ...(tls && { 'tls-cluster': 'yes' }),
        ...(password !== undefined && { masterauth: password }),
      },
    })
    busPorts.set(node.port, busPort)
    return node
  }
  const count = CLUSTER_MASTERS * (1 + CLUSTER_REPLICAS)
  const nodes = await Promise.all(Array.from({ length: count }, startNode))
  const certificate = tls?.authority.client('redis-cli')
  const login = [
    ...(password === undefined ? [] : ['--no-auth-warning', '-a', password]),
    ...(tls === undefined || certificate === undefined
      ? []
      : [
          ...['--tls', '--cacert', tls.authority.caFile],
          ...['--cert', certificate.certFile, '--key', certificate.keyFile],
        ]),
  ]
  await redisCli([
    ...login,
    ...['--cluster', 'create'],
    ...nodes.map(({ port }) => `127.0.0.1:${port}@${busPorts.get(port)}`),
    ...['--cluster-replicas', String(CLUSTER_REPLICAS), '--cluster-yes'],
  ])
  const ask = askerOf({ ...(tls && { tls }), ...(password !== undefined && { password }) })
  await until('a Cluster that is whole', async () => {
    const infos = await Promise.all(nodes.map(({ port }) => ask(port, 'CLUSTER', 'INFO')))
    return infos.every(info => /cluster_state:ok/.test(String(info)))
  })
  return {
    hosts: hostsOf(nodes),
    async killHolder(tag) {
      const [first] = nodes
      const slot = Number(await ask(first?.port ?? 0, 'CLUSTER', 'KEYSLOT', `{${tag}}`))
      const ranges = [await ask(first?.port ?? 0, 'CLUSTER', 'SLOTS')].flat()
      const range = ranges.find(
        found => Array.isArray(found) && Number(found[0]) <= slot && slot <= Number(found[1]),
      )
      const holder = Array.isArray(range) && Array.isArray(range[2]) ? Number(range[2][1]) : 0
      await serverAt(nodes, holder).kill()
    },
    stop: () => stopAll(nodes),
  }
}

function askerOf({ tls, password }: Pick<RedisOptions, 'tls' | 'password'>) {
  const secure = tls === undefined ? {} : { tls: clientTls(tls.authority) }
  return async (port: number, command: string, ...args: string[]): Promise<unknown> => {
    const client = new Redis({
      host: '127.0.0.1',
      port,
      ...(password !== undefined && { password }),
      ...secure,
    })
    client.on('error', () => undefined)
    try {
      return await client.call(command, ...args)
    } finally {
      client.disconnect()
    }
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + MAX_FORMING_MS
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > end) throw new Error(`${what}: not within ${MAX_FORMING_MS / 1000} s`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

function serverAt(servers: readonly RedisServer[], port: number): RedisServer {
  const found = servers.find(server => server.port === port)
  if (found === undefined) throw new Error(`none of the servers listens at port ${port}`)
  return found
}

const hostsOf = (servers: readonly RedisServer[]) => servers.map(({ port }) => `127.0.0.1:${port}`).join(',')

async function stopAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map(server => server.stop()))
}
