/**
 * docker-compose.yml as Docker Compose itself reads it, and a composition of its services without containers: each service's own command,
 * environment and mounted files, with a program of the same kind in place of its image. Names and ports of services become loopback
 * addresses, paths of volumes folders; nothing else is changed.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { runStep } from '../../servers/cache.ts'
import { dataFolder, freePort } from '../../servers/server-process.ts'
import { installCompose } from './install.ts'

export const ROOT = join(import.meta.dirname, '../../..')

const words = z.array(z.string()).nullable().default([])
const serviceSchema = z.object({
  image: z.string(),
  command: words,
  entrypoint: words,
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z
    .array(z.object({ type: z.string(), source: z.string().optional(), target: z.string() }))
    .default([]),
  ports: z
    .array(z.object({ target: z.int(), published: z.string(), host_ip: z.string().optional() }))
    .default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  deploy: z.object({ replicas: z.int() }).partial().default({}),
  network_mode: z.string().optional(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  stop_grace_period: z.string().optional(),
})
export type ComposeService = z.infer<typeof serviceSchema>
export type Composition = ReadonlyMap<string, ComposeService>

/** Fails where Docker Compose would. */
export async function readComposition(): Promise<Composition> {
  const config = ['--file', join(ROOT, 'docker-compose.yml'), 'config', '--format', 'json']
  const text = runStep('Reading docker-compose.yml', [await installCompose(), ...config])
  const { services } = z.object({ services: z.record(z.string(), serviceSchema) }).parse(JSON.parse(text))
  return new Map(Object.entries(services))
}

/** Ports on which the programs of the services listen, by service. Those of Tidewater are the rest. */
const LISTENS: Readonly<Record<string, readonly number[]>> = {
  redis: [6379],
  postgres: [5432],
  minio: [9000, 9001],
  etcd: [2379],
  kafscale: [9092, 9093, 9094],
  trino: [8080],
  buckets: [],
  sample: [],
}
const TIDEWATER_LISTENS = [8181]
const ITSELF = ['', '0.0.0.0', '127.0.0.1', 'localhost']

export type Ports = ReadonlyMap<number, number>

export interface Addresses {
  readonly ports: ReadonlyMap<string, Ports>
  /** `host:port` as a program of that service means it, as the loopback address where it is here. Other texts stay. */
  mapped(text: string, service: string, own?: Ports): string
}

export async function assignPorts(composition: Composition): Promise<Addresses> {
  const ports = new Map<string, Ports>()
  for (const name of composition.keys()) ports.set(name, await freePorts(LISTENS[name] ?? TIDEWATER_LISTENS))
  const published = (port: number) =>
    [...composition].find(([, service]) => service.ports.some(p => Number(p.published) === port))?.[0]
  return {
    ports,
    mapped(text, service, own) {
      const network = /^service:(.*)$/.exec(composition.get(service)?.network_mode ?? '')?.[1] ?? service
      return text.replaceAll(/([A-Za-z0-9.-]*):(\d{2,5})\b/g, (whole, host: string, digits: string) => {
        const port = Number(digits)
        const mine = ITSELF.includes(host) ? (own ?? ports.get(network))?.get(port) : undefined
        const owner = ITSELF.includes(host) ? published(port) : host
        const found = mine ?? ports.get(owner ?? '')?.get(port)
        return found === undefined ? whole : `127.0.0.1:${found}`
      })
    },
  }
}

async function freePorts(of: readonly number[]): Promise<Ports> {
  const pairs: [number, number][] = []
  for (const port of of) pairs.push([port, await freePort()])
  return new Map(pairs)
}

/** One Tidewater of many: Tidewater's port, anew. */
export const freshTidewaterPorts = () => freePorts(TIDEWATER_LISTENS)

export interface Prepared {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
}

/** Command and environment with addresses mapped, paths of its volumes below a folder of its own, mounted files copied there. */
export function prepare(
  service: ComposeService,
  { name, addresses, own }: { readonly name: string; readonly addresses: Addresses; readonly own?: Ports },
): Prepared {
  const folder = dataFolder(name)
  const map = (text: string) => addresses.mapped(text, name, own)
  const inFolder = (text: string) =>
    service.volumes.reduce((all, { target }) => all.replaceAll(target, join(folder, target)), map(text))
  for (const { type, source = '', target } of service.volumes) {
    const place = join(folder, target)
    mkdirSync(type === 'bind' ? dirname(place) : place, { recursive: true })
    if (type === 'bind') writeFileSync(place, map(readFileSync(source, 'utf8')))
  }
  return {
    command: [...(service.entrypoint ?? []), ...(service.command ?? [])].map(inFolder),
    env: Object.fromEntries(Object.entries(service.environment).map(([key, value]) => [key, map(value)])),
    folder,
  }
}
