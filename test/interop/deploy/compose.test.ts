/**
 * What docker-compose.yml and the Helm chart run, run without containers: orders go through the broker, become rows, and Trino reads
 * them by the statement that the file's first lines give to users. The chart's containers then take over from those of the composition.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import type { ServerProcess } from '../../servers/server-process.ts'
import { deploymentsOf, rendered } from './chart.ts'
import {
  type Addresses,
  assignPorts,
  type ComposeService,
  type Composition,
  freshTidewaterPorts,
  prepare,
  ROOT,
  readComposition,
} from './composition.ts'
import { type Running, startService, startTidewater, type TidewaterProcess } from './run-natively.ts'

const PATIENCE = { timeout: 240_000, interval: 1_000 }
const IMAGE = 'tidewater:0.1.0'

let composition: Composition
let addresses: Addresses
const running = new Map<string, Promise<Running>>()
const tidewaters: { readonly name: string; readonly of: TidewaterProcess; readonly server: ServerProcess }[] =
  []

beforeAll(async () => {
  composition = await readComposition()
  addresses = await assignPorts(composition)
  await Promise.all([...composition.keys()].map(start))
})
afterAll(async () => {
  for (const { server } of tidewaters) await server.stop({ kill: true })
  // Trino and the sample before what they use.
  for (const service of [...running.values()].reverse()) await (await service).stop()
})

/** After what it depends on. */
function start(name: string): Promise<Running> {
  const known = running.get(name)
  if (known !== undefined) return known
  const service = composition.get(name)
  if (service === undefined) throw new Error(`no service ${name}`)
  const needs = Promise.all(Object.keys(service.depends_on).map(start))
  const started = needs.then(() =>
    service.image === IMAGE ? startReplicas(name, service) : startService(name, service, addresses),
  )
  running.set(name, started)
  return started
}

async function startReplicas(name: string, service: ComposeService): Promise<Running> {
  const replicas = service.deploy.replicas ?? 1
  for (let replica = 0; replica < replicas; replica++) {
    const own = replica === 0 ? addresses.ports.get(name) : await freshTidewaterPorts()
    if (own === undefined) throw new Error(`no ports for ${name}`)
    const { command, env, folder } = prepare(service, { name, addresses, own })
    await startOne(name, { command, args: command, env, folder, port: own.get(8181) ?? 0 })
  }
  return { stop: async () => undefined }
}

async function startOne(name: string, of: TidewaterProcess): Promise<void> {
  tidewaters.push({ name, of, server: await startTidewater(of) })
}

const serving = () => {
  const found = tidewaters.findLast(({ name }) => name === 'serve')
  if (found === undefined) throw new Error('nothing serves')
  return found
}

async function query(sql: string) {
  const { trino } = (await running.get('trino')) ?? {}
  if (trino === undefined) throw new Error('no Trino')
  return (await trino.query(sql)).rows
}
const count = async (table: string) => Number((await query(`SELECT count(*) FROM ${table}`))[0]?.[0])

/** The lines for users on top of docker-compose.yml. */
const header = /^(#.*\n)+/.exec(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'))?.[0] ?? ''
const shownQuery = /--execute '([^']*)'/.exec(header)?.[1] ?? ''

/** The image's health check, as the Dockerfile has it, against that process. */
function isHealthy({ of }: { readonly of: TidewaterProcess }): boolean {
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const [, check = '[]'] = /HEALTHCHECK[^[]*(\[.*\])/.exec(dockerfile) ?? []
  const [program, ...args] = z.array(z.string()).parse(JSON.parse(check.replace(':8181', `:${of.port}`)))
  expect(program).toBe('node')
  return spawnSync(process.execPath, args, { env: {} }).status === 0
}

const auditSchema = z.object({
  tables: z.array(
    z.object({
      rows: z.int(),
      dead_letters: z.int(),
      gaps: z.int(),
      duplicates: z.int(),
      source_gaps: z.int(),
      unverifiable: z.int(),
    }),
  ),
})

/** `docker compose exec serve tidewater …` */
function inside(...args: readonly string[]) {
  const { env, folder } = serving().of
  const launcher = join(ROOT, 'services/cli/launcher.js')
  const cwd = join(folder, 'etc/tidewater')
  return spawnSync(process.execPath, [launcher, ...args], {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
}

describe('docker-compose.yml', () => {
  it('runs every stage, and conversion twice', () => {
    const stages = tidewaters.map(({ of }) => of.args.slice(0, 3).join(' ')).sort()
    expect(stages).toEqual(
      ['convert', 'convert', 'discover,plan', 'maintain', 'publish', 'serve'].map(of => `run --stages ${of}`),
    )
  })

  it('keeps Tidewater from writing to its image, from capabilities, and gives it longer to stop than it takes', () => {
    for (const [name, service] of composition) {
      if (service.image !== IMAGE) continue
      expect({ name, ...service }).toMatchObject({ name, read_only: true, cap_drop: ['ALL'] })
      expect(service.stop_grace_period).toBe('1m0s')
    }
  })

  it('opens ports to this machine only, and takes no image by a tag that moves', () => {
    for (const [name, { image, ports }] of composition) {
      expect(image, name).toMatch(/:v?\d|:RELEASE\.\d/)
      for (const port of ports) expect(port.host_ip, name).toBe('127.0.0.1')
    }
  })

  it('turns the sample into rows that the query of its first lines finds, and goes on doing so', async () => {
    expect(shownQuery).toContain('tidewater.shop.orders')
    await expect.poll(() => count('tidewater.shop.orders').catch(() => 0), PATIENCE).toBeGreaterThan(0)
    await expect
      .poll(async () => (await query(shownQuery)).map(([key]) => key).sort(), PATIENCE)
      .toEqual(['JP', 'NO', 'PT'])
    const before = await count('tidewater.shop.orders')
    await expect.poll(() => count('tidewater.shop.orders'), PATIENCE).toBeGreaterThan(before)
  })

  it('keeps orders without an id as dead letters', async () => {
    await expect.poll(() => count('tidewater.shop.orders__dlq').catch(() => 0), PATIENCE).toBeGreaterThan(0)
  })

  it("passes the image's health check in every process, and asks for the token", async () => {
    for (const tidewater of tidewaters) expect(isHealthy(tidewater), tidewater.server.log()).toBe(true)
    expect(isHealthy({ of: { ...serving().of, port: 9 } })).toBe(false)
    const url = `http://127.0.0.1:${serving().of.port}/api/v1/status`
    expect((await fetch(url)).status).toBe(401)
    const headers = { authorization: `Bearer ${serving().of.env.TIDEWATER_TOKEN}` }
    expect((await fetch(url, { headers })).status).toBe(200)
  })

  it('goes on when a worker dies', async () => {
    const [first] = tidewaters.splice(
      tidewaters.findIndex(({ name }) => name === 'convert'),
      1,
    )
    await first?.server.stop({ kill: true })
    const before = await count('tidewater.shop.orders')
    await expect.poll(() => count('tidewater.shop.orders'), PATIENCE).toBeGreaterThan(before)
  })

  it('runs commands beside the service', () => {
    const status = inside('status')
    expect(status.stderr).toBe('')
    expect(status.stdout).toContain('shop.orders')
  })
})

describe('the containers of the Helm chart', () => {
  it('take over on the same database, ready by their probes, and the old ones end with exit code 0', async () => {
    const resources = await rendered('--set-json', 'secrets.fromSecrets=["tidewater"]')
    const config = z
      .object({ data: z.object({ 'tidewater.yaml': z.string() }) })
      .parse(resources.find(({ kind }) => kind === 'ConfigMap')).data['tidewater.yaml']
    const service = composition.get('serve')
    if (service === undefined) throw new Error('no service serve')
    expect(parse(config)).toEqual(parse(readFileSync(join(ROOT, 'deploy/compose/tidewater.yaml'), 'utf8')))
    const old = tidewaters.slice()
    for (const { metadata, spec } of deploymentsOf(resources)) {
      const [container] = spec.template.spec.containers
      expect(container.envFrom).toEqual([{ secretRef: { name: 'tidewater' } }])
      // The Secret holds what the composition has as environment; the ConfigMap is the same file.
      const own = await freshTidewaterPorts()
      const { env, folder } = prepare(service, { name: 'serve', addresses, own })
      const name = metadata.name.replace(/^.*-/, '')
      const port = own.get(container.ports[0]?.containerPort ?? 0) ?? 0
      await startOne(name, { command: [], args: container.args, env, folder, port })
      for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
        expect(container.ports.map(({ name }) => name)).toContain(httpGet.port)
        const answers = async () => (await fetch(`http://127.0.0.1:${port}${httpGet.path}`)).status
        await expect.poll(answers, { timeout: 60_000 }).toBe(200)
      }
    }
    // Trino asks the one that it knows; all the rest of the composition goes.
    const leaving = old.filter(({ name }) => name !== 'serve')
    for (const { server } of leaving) server.signal('SIGTERM')
    expect(await Promise.all(leaving.map(({ server }) => server.exited))).toEqual(leaving.map(() => 0))
    const before = await count('tidewater.shop.orders')
    await expect.poll(() => count('tidewater.shop.orders'), PATIENCE).toBeGreaterThan(before)
  })

  it('are scaled by a number that the server gives, and by a metric of that name', async () => {
    const trigger = z.object({
      spec: z.object({
        triggers: z.tuple([z.object({ metadata: z.object({ url: z.url(), valueLocation: z.string() }) })]),
      }),
    })
    const scaled = (await rendered('--set', 'autoscaling.kind=keda')).find(
      ({ kind }) => kind === 'ScaledObject',
    )
    const [{ metadata }] = trigger.parse(scaled).spec.triggers
    const { port, env } = serving().of
    const headers = { authorization: `Bearer ${env.TIDEWATER_TOKEN}` }
    const at = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { headers })
    const answer = z
      .record(z.string(), z.unknown())
      .parse(await (await at(new URL(metadata.url).pathname)).json())
    expect(answer[metadata.valueLocation]).toBeTypeOf('number')
    const [{ metric } = { metric: undefined }] = z
      .object({
        spec: z.object({
          metrics: z.tuple([z.object({ external: z.object({ metric: z.object({ name: z.string() }) }) })]),
        }),
      })
      .parse(
        (await rendered('--set', 'autoscaling.kind=hpa')).find(
          ({ kind }) => kind === 'HorizontalPodAutoscaler',
        ),
      )
      .spec.metrics.map(({ external }) => external)
    expect(await (await at('/metrics')).text()).toMatch(new RegExp(`^${metric?.name} \\d`, 'm'))
  })

  it('have lost and doubled nothing', async () => {
    await (await start('sample')).stop()
    const total = async () => {
      const [audit] = auditSchema.parse(JSON.parse(inside('audit', '--json').stdout)).tables
      return audit
    }
    const statusSchema = z.object({
      tables: z.array(z.object({ partitions: z.array(z.object({ lag: z.int() })) })),
    })
    const isThrough = async () => {
      const audit = await total()
      const status = statusSchema.parse(JSON.parse(inside('status', '--json').stdout))
      return (
        status.tables[0]?.partitions.every(({ lag }) => lag === 0) &&
        audit?.rows === (await count('tidewater.shop.orders')) &&
        audit.dead_letters === (await count('tidewater.shop.orders__dlq'))
      )
    }
    await expect.poll(isThrough, PATIENCE).toBe(true)
    expect(await total()).toMatchObject({ gaps: 0, duplicates: 0, source_gaps: 0, unverifiable: 0 })
  })
})
