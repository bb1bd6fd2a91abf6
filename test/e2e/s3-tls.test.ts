/** A store over https whose certificate an authority of one's own has signed. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { S3StoreOptions } from '../../shared/object-store/s3-connection.ts'
import { createS3ObjectStore } from '../../shared/object-store/s3-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { type CertificateAuthority, createAuthority } from '../servers/certificates.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'
import { orders, ordersConfig } from './orders-config.ts'
import { createWorkspace } from './tidewater-cli.ts'

let ours: CertificateAuthority
let foreign: CertificateAuthority
let server: S3Server
beforeAll(async () => {
  ours = createAuthority()
  foreign = createAuthority()
  server = await startS3Server({ tls: ours })
  await server.createBucket('lake')
})
afterAll(async () => {
  await server?.stop()
  ours?.remove()
  foreign?.remove()
})

async function list(options: Pick<S3StoreOptions, 'caFile'> & { endpoint?: string }): Promise<unknown> {
  const { endpoint, accessKeyId, secretAccessKey } = server
  const credentials = { accessKeyId, secretAccessKey }
  const given = { bucket: 'lake', prefix: '', endpoint, credentials, maxAttempts: 2 }
  const store = createS3ObjectStore({ ...given, ...options }, systemRuntime)
  try {
    return await store.head('nothing')
  } finally {
    await store.close()
  }
}

it('is read and written with ca_file, relative to the configuration, by every thread', async () => {
  const workspace = await createWorkspace({
    KEY: server.accessKeyId,
    SECRET: server.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  })
  await workspace.write('ca.pem', readFileSync(ours.caFile, 'utf8'))
  const store = `endpoint: "${server.endpoint}", ca_file: ./ca.pem, access_key_id: "\${KEY}", secret_access_key: "\${SECRET}"`
  const config = ordersConfig()
    .replace('warehouse: file:./warehouse', `warehouse: { url: "s3://lake/warehouse", ${store} }`)
    .replace('url: "file:./segments"', `url: "s3://lake/landed", ${store}`)
  await workspace.write('tidewater.yaml', config)
  expect(await workspace.tidewater(['land', 'orders'], orders(0, 20))).toMatchObject({ exitCode: 0 })
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  expect((await workspace.tidewater(['status'])).stdout).toContain('20')
  await workspace.remove()
})

it.each([
  ['another authority', () => ({ caFile: foreign.caFile }), 'store-tls', 'ca_file beside endpoint'],
  ['no authority', () => ({}), 'store-tls', 'ca_file beside endpoint'],
  [
    'a name that the certificate does not have',
    () => ({ caFile: ours.caFile, endpoint: server.endpoint.replace('127.0.0.1', 'localhost') }),
    'store-tls',
    'Write the host',
  ],
  ['a file that is not there', () => ({ caFile: '/nowhere.pem' }), 'store-file-unreadable', '/nowhere.pem'],
])('%s is refused with what to do', async (_, options, code, says) => {
  await expect(list(options())).rejects.toMatchObject({
    code,
    message: expect.stringContaining(says),
  })
})
