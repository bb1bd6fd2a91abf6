/** Nessie that asks who calls, by tokens of an OpenID provider: what it answers to those without, with an old one, and without the right. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { NESSIE_READER, NESSIE_WRITER, startNessie } from '../../servers/nessie.ts'
import { OPENID_CLIENT, type OpenidProvider, startOpenidProvider } from '../../servers/openid-provider.ts'
import { connectTo, type RestCatalogServer } from '../../servers/rest-catalog.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'

let s3: S3Server
let provider: OpenidProvider
let server: RestCatalogServer
beforeAll(async () => {
  s3 = await startS3Server()
  await s3.createBucket('users')
  provider = await startOpenidProvider({ secrets: { [NESSIE_WRITER]: 'a secret: with = signs' } })
  const openid = { issuer: provider.issuer, client: OPENID_CLIENT }
  server = await startNessie({ s3: { ...s3, bucket: 'users' }, openid })
})
afterAll(async () => {
  await server?.stop()
  await provider?.stop()
  await s3?.stop()
})

async function grantedToken(secret: string) {
  const form = { grant_type: 'client_credentials', client_id: NESSIE_WRITER, client_secret: secret }
  const answer = await fetch(provider.tokenUrl, { method: 'POST', body: new URLSearchParams(form) })
  return { status: answer.status, body: await answer.json() }
}

test('a client that knows its secret gets a token that may write', async () => {
  expect((await grantedToken('guessed')).status).toBe(401)
  const { body } = await grantedToken('a secret: with = signs')
  const { access_token: token } = z.object({ access_token: z.string() }).parse(body)
  const client = await connectTo(server, token)
  const { status } = await client.ask('namespaces', { body: { namespace: ['mine'], properties: {} } })
  expect(status).toBe(200)
})

test.each([
  { what: 'no token', token: () => undefined },
  { what: 'an expired one', token: () => provider.token(-60, NESSIE_WRITER) },
  { what: 'one that was changed', token: () => `${provider.token(60, NESSIE_WRITER)}x` },
])('$what is answered 401, without a body', async ({ token }) => {
  await expect(connectTo(server, token())).rejects.toThrow(/401/)
  const sent = token()
  const answer = await fetch(`${server.uri}/v1/main/namespaces`, {
    ...(sent !== undefined && { headers: { authorization: `Bearer ${sent}` } }),
  })
  expect([answer.status, await answer.text()]).toEqual([401, ''])
})

test('who may only read reads, and is refused when it writes, with 500 and a type of its own', async () => {
  const client = await connectTo(server, provider.token(3600, NESSIE_READER))
  expect((await client.ask('namespaces')).status).toBe(200)
  const answer = await client.ask('namespaces', { body: { namespace: ['theirs'], properties: {} } })
  expect(answer).toMatchObject({ status: 500, body: { error: { type: 'AccessCheckException' } } })
  const writer = await connectTo(server, provider.token(3600, NESSIE_WRITER))
  expect((await writer.ask('namespaces/theirs')).status).toBe(404)
})
