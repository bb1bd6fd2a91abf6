/** The image of the Dockerfile: linted, built by its own instructions, and run with a read-only root, without root, as process 1. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dataFolder, freePort, removeFolder } from '../../servers/server-process.ts'
import { ROOT } from './composition.ts'
import { buildImage, firstProcess, type Image, type Mount } from './image.ts'
import { installHadolint } from './install.ts'

it('hadolint finds nothing in the Dockerfile', async () => {
  const linted = spawnSync(await installHadolint(), [join(ROOT, 'Dockerfile')], { encoding: 'utf8' })
  expect(linted.stdout + linted.stderr).toBe('')
  expect(linted.status).toBe(0)
})

describe('the image', () => {
  const folder = dataFolder('container')
  let image: Image
  let mounts: readonly Mount[]
  let port: number
  beforeAll(async () => {
    image = await buildImage()
    port = await freePort()
    writeFileSync(join(folder, 'tidewater.yaml'), configOf(port))
    const state = join(folder, 'state')
    mkdirSync(state)
    const [uid = 0, gid = 0] = image.config.User.split(':').map(Number)
    chownSync(state, uid, gid)
    mounts = [
      { source: join(folder, 'tidewater.yaml'), target: '/etc/tidewater/tidewater.yaml', readOnly: true },
      { source: state, target: '/var/lib/tidewater' },
    ]
  })
  afterAll(() => {
    image?.remove()
    removeFolder(folder)
  })

  it('says who runs it, what it is, how it is stopped and asked for its health', () => {
    expect(image.config).toMatchObject({
      User: '10001:10001',
      Entrypoint: ['tidewater'],
      Cmd: ['run'],
      StopSignal: 'SIGTERM',
      Labels: {
        'org.opencontainers.image.title': 'Tidewater',
        'org.opencontainers.image.version': '0.1.0',
        'org.opencontainers.image.revision': 'abcdef',
      },
    })
    expect(Object.keys(image.config.ExposedPorts)).toEqual(['8181/tcp'])
  })

  it('holds no npm, no TypeScript and none of what only tests need', () => {
    for (const path of [
      'usr/local/bin/npm',
      'usr/local/lib/node_modules',
      'opt/tidewater/node_modules/typescript',
    ])
      expect(existsSync(join(image.root, path)), path).toBe(false)
    expect(existsSync(join(image.root, 'opt/tidewater/node_modules/fast-check'))).toBe(false)
    const added = spawnSync('du', ['-sm', join(image.root, 'opt/tidewater')], { encoding: 'utf8' })
    expect(Number.parseInt(added.stdout, 10)).toBeLessThan(200)
  })

  it('runs without root and capabilities, and cannot write to its root', () => {
    const look =
      'pwd; id -u; grep CapEff /proc/self/status; touch /opt/tidewater/x; touch /etc/tidewater/x; touch /tmp/x && echo wrote'
    const { output } = image.run(['-c', look], { entrypoint: ['sh'] })
    expect(output).toMatch(/^\/etc\/tidewater\n10001\nCapEff:\s*0+\n/)
    expect(output.match(/Read-only file system/g)).toHaveLength(2)
    expect(output).toContain('wrote')
  })

  it('lands, converts, publishes, queries and audits', () => {
    const lines = Array.from({ length: 1_000 }, (_, id) => JSON.stringify({ id, page: `/${id % 7}` })).join(
      '\n',
    )
    for (const codec of ['snappy', 'lz4', 'zstd']) {
      const landed = image.run(['land', 'visits', '--codec', codec], { mounts, input: lines })
      expect(landed.exitCode, landed.output).toBe(0)
    }
    const once = image.run(['run', '--once'], { mounts })
    expect(once.exitCode, once.output).toBe(0)
    const sql = 'SELECT count(*) AS n, count(DISTINCT page) AS pages FROM shop.visits'
    const queried = image.run(['query', sql, '--format', 'json'], { mounts })
    expect(queried.output).toContain('{"n":3000,"pages":7}')
    expect(image.run(['audit'], { mounts }).exitCode).toBe(0)
  })

  it('serves, is healthy by its own check, and ends by SIGTERM as process 1', async () => {
    const [, ...check] = image.config.Healthcheck.Test
    const at = check.map(word => word.replace(':8181', `:${port}`))
    const isHealthy = () => image.run(at.slice(1), { mounts, entrypoint: at.slice(0, 1) }).exitCode === 0
    expect(isHealthy()).toBe(false)
    const container = image.start(image.config.Cmd, { mounts })
    let said = ''
    for (const stream of [container.stdout, container.stderr])
      stream?.on('data', chunk => {
        said += String(chunk)
      })
    const ended = once(container, 'exit')
    try {
      await expect.poll(isHealthy, { timeout: 60_000, interval: 500 }).toBe(true)
      process.kill(firstProcess(container), 'SIGTERM')
      expect(await ended, said).toEqual([0, null])
    } finally {
      container.kill('SIGKILL')
    }
  })
})

const configOf = (port: number) => `
warehouse: file:/var/lib/tidewater/warehouse
metadata: sqlite:/var/lib/tidewater/tidewater.db
server: { listen: "127.0.0.1:${port}" }
sources:
  - { name: landed, type: kfs, url: "file:/var/lib/tidewater/segments" }
tables:
  - name: shop.visits
    source: landed
    source_topic: visits
    schema: { fields: [ { name: id, type: long, required: true }, { name: page, type: string } ] }
`
