/** PostgreSQL that speaks TLS: what works, and what is said of everything that is configured wrongly. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parsePostgresUrl } from '../../../shared/metadata/postgres/address.ts'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { type CertificateAuthority, createAuthority, type KeyPair } from '../../servers/certificates.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

const PASSWORD = 'canary-word'

let ours: CertificateAuthority
let foreign: CertificateAuthority
let server: PostgresServer
let plain: PostgresServer
let pairs: { ada: KeyPair; eve: KeyPair; foreign: KeyPair }
let passwordFile: string

beforeAll(async () => {
  ours = createAuthority()
  foreign = createAuthority()
  pairs = { ada: ours.client('ada'), eve: ours.client('eve'), foreign: foreign.client('ada') }
  passwordFile = join(ours.folder, 'password')
  writeFileSync(passwordFile, `${PASSWORD}\n`)
  server = await startPostgres({
    // Under this name alone, not under its address.
    tls: { authority: ours, names: ['localhost'] },
    rules: [
      'hostssl all ada 127.0.0.1/32 cert',
      'hostssl all bob 127.0.0.1/32 scram-sha-256',
      'host all bob all reject',
    ],
  })
  plain = await startPostgres()
  for (const user of ['ada', 'bob'])
    await server.query(`create role ${user} superuser login password '${PASSWORD}'`)
})
afterAll(async () => {
  await server?.remove()
  await plain?.remove()
  ours?.remove()
  foreign?.remove()
})

/** Migrates, which is the first thing that any process does. */
async function open(url: string): Promise<void> {
  const address = parsePostgresUrl(url)
  if (typeof address === 'string') throw new Error(address)
  const store = openPostgresMetadataStore({ address, runtime: systemRuntime })
  try {
    await store.migrate()
  } finally {
    await store.close()
  }
}

/** On the server where both log in over TLS alone. */
const at = (login: string, parameters: string, host = 'localhost') =>
  `postgres://${login}@${host}:${server.port}/tidewater?${parameters}`
const ca = (mode: string, authority: () => CertificateAuthority = () => ours) =>
  `sslmode=${mode}&sslrootcert=${authority().caFile}`
const shows = ({ certFile, keyFile }: KeyPair) => `&sslcert=${certFile}&sslkey=${keyFile}`

describe('works', () => {
  it.each([
    ['the whole certificate checked', () => at(`bob:${PASSWORD}`, ca('verify-full'))],
    ['a password from a file', () => at('bob', `${ca('verify-full')}&password_file=${passwordFile}`)],
    ['the authority checked, not the name', () => at(`bob:${PASSWORD}`, ca('verify-ca'), '127.0.0.1')],
    ['encrypted, the server not checked', () => at(`bob:${PASSWORD}`, 'sslmode=require')],
    [
      'a certificate of the client instead of a password',
      () => at('ada', ca('verify-full') + shows(pairs.ada)),
    ],
  ])('%s', async (_, url) => {
    await open(url())
  })
})

describe('is refused', () => {
  it.each([
    [
      'another authority',
      () =>
        at(
          `bob:${PASSWORD}`,
          ca('verify-full', () => foreign),
        ),
      'tls',
      '`sslrootcert`',
    ],
    ['no authority', () => at(`bob:${PASSWORD}`, 'sslmode=verify-full'), 'tls', '`sslrootcert`'],
    [
      'an address that the certificate does not name',
      () => at(`bob:${PASSWORD}`, ca('verify-full'), '127.0.0.1'),
      'tls',
      'Write the host',
    ],
    [
      'a server without TLS',
      () => `postgres://bob:${PASSWORD}@localhost:${plain.port}/tidewater?sslmode=require`,
      'tls',
      'sslmode=disable',
    ],
    ['a wrong password', () => at('bob:canary-wrong', ca('verify-full')), 'login', 'Check user and password'],
    ['no password', () => at('bob', ca('verify-full')), 'login', 'Check user and password'],
    ['no TLS where the server wants it', () => at(`bob:${PASSWORD}`, ''), 'login', 'TLS mode'],
    ['no certificate', () => at('ada', ca('verify-full')), 'tls', '`sslcert` and `sslkey`'],
    [
      'a foreign certificate',
      () => at('ada', ca('verify-full') + shows(pairs.foreign)),
      'tls',
      '`sslcert` and `sslkey`',
    ],
    [
      'the certificate of another user',
      () => at('ada', ca('verify-full') + shows(pairs.eve)),
      'login',
      'Check user',
    ],
    [
      'a file that is not there',
      () => at(`bob:${PASSWORD}`, 'sslmode=verify-full&sslrootcert=/nowhere.pem'),
      'login',
      '/nowhere.pem',
    ],
  ])('%s', async (_, url, code, says) => {
    const error: unknown = await open(url()).catch((cause: unknown) => cause)
    expect(error).toMatchObject({
      code: `metadata-${code}`,
      next: 'fatal',
      message: expect.stringContaining(says),
    })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('canary')
  })
})
