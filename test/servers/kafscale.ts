/**
 * A real KafScale broker for tests, with the etcd that holds its topics, writing to the S3 server it is given.
 *
 * What decides the shape of the segments is in `BrokerOptions`. The broker flushes only while it handles a produce request:
 * with `syncFlush` each request makes one segment per partition (one batch each); without it batches gather until `segmentBytes`
 * are there or a request comes `flushIntervalMs` after the last flush, and what has gathered is lost when the broker ends.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { installEtcd, installKafscaleBroker } from './install.ts'
import type { S3Server } from './s3-server.ts'
import {
  answersOk,
  dataFolder,
  freePort,
  removeFolder,
  type ServerProcess,
  startProcess,
} from './server-process.ts'

export interface BrokerOptions {
  readonly s3: Pick<S3Server, 'endpoint' | 'accessKeyId' | 'secretAccessKey' | 'region'>
  /** Made by the broker when it is not there. */
  readonly bucket: string
  readonly namespace: string
  /** 4 MiB by default, as the broker's own. */
  readonly segmentBytes?: number
  /** 500 by default, as the broker's own. */
  readonly flushIntervalMs?: number
  /** True by default, as the broker's own. */
  readonly syncFlush?: boolean
  /** Of topics that are made by producing to them; 1 by default, as the broker's own. */
  readonly autoCreatePartitions?: number
}

export interface KafscaleBroker {
  /** `127.0.0.1:port`, for Kafka clients. */
  readonly bootstrap: string
  log(): string
  /** Whether it takes produce requests: after S3 errors it refuses them for about a second. */
  isReady(): Promise<boolean>
  /** Ends it and starts it again on the same port, with changed settings if wanted: topics stay, unflushed batches are lost. */
  restart(changes?: Partial<BrokerOptions>): Promise<void>
  stop(): Promise<void>
}

export async function startKafscale(options: BrokerOptions): Promise<KafscaleBroker> {
  const [etcdProgram, program] = [await installEtcd(), await installKafscaleBroker()]
  const folder = dataFolder('kafscale')
  const ports = {
    etcd: await freePort(),
    etcdPeer: await freePort(),
    kafka: await freePort(),
    metrics: await freePort(),
    control: await freePort(),
  }
  const etcd = await startEtcd(etcdProgram, folder, ports)
  let current = options
  let broker = await startBroker(program, folder, ports, current).catch(async (error: unknown) => {
    await etcd.stop()
    throw error
  })
  return {
    bootstrap: `127.0.0.1:${ports.kafka}`,
    log: () => broker.log(),
    isReady: () => answersOk(readinessUrl(ports)).catch(() => false),
    async restart(changes = {}) {
      await broker.stop()
      current = { ...current, ...changes }
      broker = await startBroker(program, folder, ports, current)
    },
    async stop() {
      await broker.stop()
      await etcd.stop()
      removeFolder(folder)
    },
  }
}

interface Ports {
  readonly etcd: number
  readonly etcdPeer: number
  readonly kafka: number
  readonly metrics: number
  readonly control: number
}

function startEtcd(program: string, folder: string, ports: Ports): Promise<ServerProcess> {
  const [client, peer] = [`http://127.0.0.1:${ports.etcd}`, `http://127.0.0.1:${ports.etcdPeer}`]
  const settings = {
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
  }
  return startProcess({
    name: 'etcd',
    program,
    args: Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    // Debian builds etcd for machines that its authors do not test.
    env: { ETCD_UNSUPPORTED_ARCH: process.arch === 'arm64' ? 'arm64' : '' },
    cwd: folder,
    isReady: () => answersOk(`${client}/health`),
  })
}

function startBroker(
  program: string,
  folder: string,
  ports: Ports,
  options: BrokerOptions,
): Promise<ServerProcess> {
  return startProcess({
    name: 'KafScale broker',
    program,
    args: [],
    env: {
      KAFSCALE_BROKER_ADDR: `127.0.0.1:${ports.kafka}`,
      KAFSCALE_METRICS_ADDR: `127.0.0.1:${ports.metrics}`,
      KAFSCALE_CONTROL_ADDR: `127.0.0.1:${ports.control}`,
      KAFSCALE_ETCD_ENDPOINTS: `http://127.0.0.1:${ports.etcd}`,
      KAFSCALE_S3_BUCKET: options.bucket,
      KAFSCALE_S3_NAMESPACE: options.namespace,
      KAFSCALE_S3_REGION: options.s3.region,
      KAFSCALE_S3_ENDPOINT: options.s3.endpoint,
      KAFSCALE_S3_PATH_STYLE: 'true',
      KAFSCALE_S3_ACCESS_KEY: options.s3.accessKeyId,
      KAFSCALE_S3_SECRET_KEY: options.s3.secretAccessKey,
      // A test that takes S3 away does not wait a minute for the broker to trust it again.
      KAFSCALE_S3_HEALTH_WINDOW_SEC: '1',
      // Slow answers of a busy machine are no reason to refuse a test's records.
      KAFSCALE_S3_LATENCY_WARN_MS: '60000',
      KAFSCALE_S3_LATENCY_CRIT_MS: '120000',
      KAFSCALE_SEGMENT_BYTES: String(options.segmentBytes ?? 4 << 20),
      KAFSCALE_FLUSH_INTERVAL_MS: String(options.flushIntervalMs ?? 500),
      KAFSCALE_PRODUCE_SYNC_FLUSH: String(options.syncFlush ?? true),
      KAFSCALE_AUTO_CREATE_TOPICS: 'true',
      KAFSCALE_AUTO_CREATE_PARTITIONS: String(options.autoCreatePartitions ?? 1),
    },
    cwd: folder,
    isReady: async () => (await answersOk(readinessUrl(ports))) && (await accepts(ports.kafka)),
  })
}

function readinessUrl(ports: Ports): string {
  return `http://127.0.0.1:${ports.metrics}/readyz`
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
  return true
}
