/** `tidewater run` with `server.tls`: what clients outside see of it, and a certificate that is renewed while it runs. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { type CertificateAuthority, createAuthority, type KeyPair } from '../servers/certificates.ts'
import { orders, ordersConfig } from './orders-config.ts'
import { type RunningTidewater, startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const TOKEN = 'the-token-of-this-test'
let ours: CertificateAuthority
let foreign: CertificateAuthority
let workspace: Workspace
let running: RunningTidewater | undefined

beforeAll(() => {
  ours = createAuthority()
  foreign = createAuthority()
})
afterAll(() => {
  ours?.remove()
  foreign?.remove()
})
beforeEach(async () => {
  workspace = await createWorkspace({ TIDEWATER_TOKEN: TOKEN })
  await workspace.write(
    'tidewater.yaml',
    ordersConfig({
      server: `{ listen: "0.0.0.0:0", token: "\${TIDEWATER_TOKEN}", tls: { cert_file: ./server.pem, key_file: ./server.key } }`,
      top: 'limits: { poll_interval: 200ms, workers: 1 }',
    }),
  )
})
afterEach(async () => {
  await running?.stop('SIGKILL')
  running = undefined
  await workspace.remove()
})

function place({ certFile, keyFile }: Partial<KeyPair>): void {
  if (certFile !== undefined) copyFileSync(certFile, workspace.path('server.pem'))
  if (keyFile !== undefined) copyFileSync(keyFile, workspace.path('server.key'))
}

function curl(url: string, ...options: readonly string[]) {
  const args = ['--silent', '--show-error', '--header', `Authorization: Bearer ${TOKEN}`, ...options, url]
  const { status, stdout, stderr } = spawnSync('curl', args, { encoding: 'utf8' })
  return { exitCode: status, stdout, stderr }
}

function certificateAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    }).on('error', reject)
  })
}

test('clients that trust the authority read API and catalog, others do not, and a renewed certificate is shown without a restart', async () => {
  place(ours.server())
  await workspace.tidewater(['land', 'orders'], orders(0, 10))
  running = await startServing(workspace)
  expect(running.said()).toMatch(
    /^server: (https:\/\/0\.0\.0\.0:\d+) · Iceberg REST catalog: \1\/catalog · API: \1\/api\/v1$/m,
  )
  const port = Number(new URL(running.url).port)
  const at = `https://localhost:${port}`
  const trusting = ['--cacert', ours.caFile]
  expect(curl(`${at}/healthz`, ...trusting)).toMatchObject({ exitCode: 0, stdout: '{"status":"ok"}' })
  expect(curl(`${at}/catalog/v1/config`, ...trusting).stdout).toContain('"prefix":"local"')
  expect(curl(`${at}/api/v1/status`, ...trusting).stdout).toContain('shop.orders')
  // 60: the certificate is not signed by an authority that curl was told of.
  expect(curl(`${at}/healthz`, '--cacert', foreign.caFile).exitCode).toBe(60)
  expect(curl(`http://localhost:${port}/healthz`).exitCode).not.toBe(0)

  const first = await certificateAt(port)
  const renewed = ours.server()
  place({ certFile: renewed.certFile })
  await running.seen(/renewing the certificate: .*the key is not that of the certificate.*server-tls-invalid/)
  expect(await certificateAt(port)).toBe(first)
  place(renewed)
  await running.seen(/took up the renewed certificate/)
  expect(await certificateAt(port)).not.toBe(first)
  expect(curl(`${at}/healthz`, ...trusting).exitCode).toBe(0)
  expect(await running.stop()).toBe(0)
})

test("the image's health check passes, whatever the certificate", async () => {
  place(foreign.server(['elsewhere.example']))
  running = await startServing(workspace)
  const { port } = new URL(running.url)
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
  const [, check = '[]'] = /HEALTHCHECK[^[]*(\[.*\])/.exec(dockerfile) ?? []
  const isHealthy = (at: string) => {
    const [, ...args] = z.array(z.string()).parse(JSON.parse(check.replace(':8181', `:${at}`)))
    return spawnSync(process.execPath, args).status === 0
  }
  expect([isHealthy(port), isHealthy('9')]).toEqual([true, false])
})

test('files that cannot be used end the run with 1, and are named', async () => {
  place(ours.server())
  place({ keyFile: ours.server().keyFile })
  const wrong = await workspace.tidewater(['run'])
  expect(wrong).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('not that of the certificate') })
  await workspace.write(
    'tidewater.yaml',
    ordersConfig({ server: '{ listen: "127.0.0.1:0", tls: { cert_file: none.pem, key_file: server.key } }' }),
  )
  const missing = await workspace.tidewater(['run'])
  expect(missing.exitCode).toBe(1)
  expect(missing.stderr).toContain(`${workspace.path('none.pem')} (server.tls.cert_file)`)
})
