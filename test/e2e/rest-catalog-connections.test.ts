/** How a REST catalog is reached: TLS with an authority of one's own, a proxy of the environment, and signatures that a real server checks. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createProxy } from 'node:http'
import { createServer } from 'node:https'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openRestCatalog } from '../../catalog-adapters/rest/open-rest-catalog.ts'
import type { RestCatalogConfig } from '../../shared/config/config.ts'
import { Secret } from '../../shared/config/secret.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { MemoryObjectStore } from '../fakes/memory-object-store.ts'
import { type CertificateAuthority, createAuthority } from '../servers/certificates.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'

const IDENTIFIER = { namespace: ['shop'], name: 'orders' }
/** No waits between tries: what fails here fails for good. */
const runtime = { ...systemRuntime, sleep: async () => undefined }

const open = (config: Partial<RestCatalogConfig> & { uri: string }) =>
  openRestCatalog(
    { name: 'lakehouse', type: 'rest', auth: { kind: 'none' }, headers: {}, ...config },
    { warehouse: new MemoryObjectStore({ url: 's3://lake', nowMs: runtime.nowMs }), runtime },
  )
async function loadFrom(config: Partial<RestCatalogConfig> & { uri: string }) {
  const catalog = open(config)
  try {
    return await catalog.loadTable(IDENTIFIER)
  } finally {
    await catalog.close()
  }
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('TLS', () => {
  let authority: CertificateAuthority
  const servers: { close(): unknown }[] = []
  beforeAll(() => {
    authority = createAuthority()
  })
  afterAll(() => {
    for (const server of servers) server.close()
    authority?.remove()
  })

  /** Answers as a catalog without tables. */
  async function startServer(names?: readonly string[]): Promise<number> {
    const { certFile, keyFile } = authority.server(names)
    const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
    const server = createServer(tls, ({ url = '' }, response) => {
      const isConfig = url.startsWith('/v1/config')
      const body = isConfig ? {} : { error: { message: 'none', type: 'NoSuchTableException', code: 404 } }
      response.writeHead(isConfig ? 200 : 404).end(JSON.stringify(body))
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return address.port
  }

  it('an authority of one’s own is trusted where ca_file names it', async () => {
    const uri = `https://127.0.0.1:${await startServer()}`
    expect(await loadFrom({ uri, caFile: authority.caFile })).toBeUndefined()
    await expect(loadFrom({ uri })).rejects.toMatchObject({
      code: 'catalog-tls',
      next: 'retry',
      message: expect.stringContaining('ca_file of this catalog'),
    })
  })

  it('a certificate for another name says so, and a file that is not there ends the start', async () => {
    const other = `https://127.0.0.1:${await startServer(['elsewhere.test'])}`
    await expect(loadFrom({ uri: other, caFile: authority.caFile })).rejects.toMatchObject({
      code: 'catalog-tls',
      message: expect.stringContaining('Write the host of uri'),
    })
    expect(() => open({ uri: other, caFile: '/nowhere.pem' })).toThrowError(
      expect.objectContaining({ code: 'catalog-file-unreadable', next: 'fatal' }),
    )
  })

  it('a proxy of the environment is gone through, but for what NO_PROXY names', async () => {
    const seen: string[] = []
    const proxy = createProxy().on('connect', ({ url = '' }, socket) => {
      seen.push(url)
      const [host = '', port = ''] = url.split(':')
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        upstream.pipe(socket).pipe(upstream)
      })
      for (const end of [upstream, socket]) end.on('error', () => end.destroy())
    })
    servers.push(proxy)
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = proxy.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${address.port}`)
    const port = await startServer()
    const server = { uri: `https://127.0.0.1:${port}`, caFile: authority.caFile }
    expect(await loadFrom(server)).toBeUndefined()
    expect(new Set(seen)).toEqual(new Set([`127.0.0.1:${port}`]))
    const through = seen.length
    vi.stubEnv('NO_PROXY', '127.0.0.1')
    expect(await loadFrom(server)).toBeUndefined()
    expect(seen).toHaveLength(through)
  })
})

describe('signatures', () => {
  let s3: S3Server
  beforeAll(async () => {
    s3 = await startS3Server()
  })
  afterAll(() => s3?.stop())

  const signedBy = (secretAccessKey: string) => ({
    // A bucket that nobody has: who may ask is told that first.
    uri: `${s3.endpoint}/nobodys-bucket`,
    auth: {
      kind: 'sigv4' as const,
      // MinIO is no catalog, but it checks signatures for this service as AWS does for each.
      signingName: 's3',
      signingRegion: s3.region,
      credentials: {
        accessKeyId: new Secret(s3.accessKeyId),
        secretAccessKey: new Secret(secretAccessKey),
      },
    },
  })

  it('are those that a server of AWS’s signatures takes', async () => {
    await expect(loadFrom(signedBy(s3.secretAccessKey))).rejects.toMatchObject({
      code: 'catalog-not-found',
      details: { httpStatus: 404 },
    })
    await expect(loadFrom(signedBy('another-secret-key'))).rejects.toMatchObject({
      code: 'catalog-forbidden',
      details: { httpStatus: 403 },
    })
  })

  it('are made with keys of the AWS chain where none are configured, and say when there are none', async () => {
    const { uri, auth } = signedBy('')
    const { credentials: _none, ...ofChain } = auth
    vi.stubEnv('AWS_ACCESS_KEY_ID', s3.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.secretAccessKey)
    await expect(loadFrom({ uri, auth: ofChain })).rejects.toMatchObject({ code: 'catalog-not-found' })
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    await expect(loadFrom({ uri, auth: ofChain })).rejects.toMatchObject({
      code: 'credentials-missing',
      next: 'retry',
      message: expect.stringContaining('catalog lakehouse'),
    })
  })
})
