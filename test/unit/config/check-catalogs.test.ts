import { describe, expect, it } from 'vitest'
import { configOf, errorsOf, fileWithTable } from './fixtures.ts'

const file = (catalog: string) => `catalogs:\n  - { name: lake, ${catalog} }\n${fileWithTable('')}`
const catalogOf = (catalog: string) => configOf(file(catalog)).catalogs[0]
const messages = (catalog: string) =>
  errorsOf(file(catalog)).map(({ path, message }) => `${path}: ${message}`)

describe('a REST catalog', () => {
  it('with nothing but its address', () => {
    expect(catalogOf('type: rest, uri: "http://localhost:8181/api/"')).toEqual({
      name: 'lake',
      type: 'rest',
      uri: 'http://localhost:8181/api',
      auth: { kind: 'none' },
      headers: {},
    })
  })

  it('with everything that may stand together', () => {
    const catalog = catalogOf(
      'type: rest, uri: "https://c", warehouse: prod, credential: "id:secret", scope: "PRINCIPAL_ROLE:ALL", oauth2_server_uri: "https://idp/token", headers: { X-Realm: r }, ca_file: ca.pem',
    )
    expect(catalog).toMatchObject({
      warehouse: 'prod',
      auth: { kind: 'credential', scope: 'PRINCIPAL_ROLE:ALL', serverUri: 'https://idp/token' },
      caFile: '/conf/ca.pem',
    })
    if (catalog?.type !== 'rest' || catalog.auth.kind !== 'credential') throw new Error('another kind')
    expect(catalog.auth.credential.reveal()).toBe('id:secret')
    expect(catalog.headers['x-realm']?.reveal()).toBe('r')
    expect(JSON.stringify(catalog)).not.toContain('id:secret')
  })

  it.each([
    ['token: "abc"', { kind: 'token' }],
    ['credential: "id:secret"', { kind: 'credential', scope: 'catalog' }],
    [
      'sigv4: { signing_name: glue, signing_region: eu-central-1 }',
      { kind: 'sigv4', signingName: 'glue', signingRegion: 'eu-central-1' },
    ],
  ])('shows who asks by %s', (keys, auth) => {
    expect(catalogOf(`type: rest, uri: "https://c", ${keys}`)).toMatchObject({ auth })
  })
})

describe('what does not go together', () => {
  it.each([
    ['type: rest', 'catalogs[0].uri: `uri` is missing: a catalog of type rest needs it'],
    ['type: embedded, uri: "https://c"', 'catalogs[0].uri: a catalog of type embedded has no `uri`'],
    [
      'type: rest, uri: "https://c", token: t, credential: "a:b"',
      'catalogs[0].credential: token and credential are both given: requests can show one of them',
    ],
    ['type: rest, uri: "https://c", scope: all', 'catalogs[0].scope: scope needs credential'],
    [
      'type: rest, uri: "https://c", sigv4: { signing_name: glue, signing_region: r, session_token: x }',
      'catalogs[0].sigv4.session_token: access_key_id and secret_access_key go together',
    ],
    [
      'type: rest, uri: "https://u:p@c"',
      'catalogs[0].uri: expected an http or https URL such as https://catalog.example.com/api/catalog, without user or query, found a URL with a login, which is not shown',
    ],
    [
      'type: rest, uri: "https://c", headers: { X-Key: 5 }',
      'catalogs[0].headers.X-Key: expected text, found a value that is not shown',
    ],
    ['type: rest, uri: "https://c", credental: "a:b"', 'catalogs[0].credental: unknown key `credental`'],
  ])('%s', (keys, message) => {
    expect(messages(keys)).toContain(message)
  })
})
