import { describe, expect, it } from 'vitest'
import { configOf, errorsOf, fileWithTable } from './fixtures.ts'

const GLUE = `
catalogs:
  - name: athena
    type: glue
    region: eu-central-1
    catalog_id: "123456789012"
    profile: lake
    endpoint: https://glue.example.com
    ca_file: ca.pem
    access_key_id: key
    secret_access_key: secret
`

describe('a catalog of type glue', () => {
  it('has its settings, with files beside the configuration and keys that do not show', () => {
    const [catalog] = configOf(GLUE + fileWithTable('name: shop.orders')).catalogs
    expect(catalog).toMatchObject({
      name: 'athena',
      type: 'glue',
      region: 'eu-central-1',
      catalogId: '123456789012',
      profile: 'lake',
      endpoint: 'https://glue.example.com',
      caFile: expect.stringMatching(/^\/.*ca\.pem$/),
    })
    expect(JSON.stringify(catalog)).not.toContain('"secret"')
  })

  it.each([
    ['{ name: a, type: glue, access_key_id: x }', 'go together'],
    ['{ name: a, type: glue, catalog_id: 12 }', 'twelve digits'],
    ['{ name: a, type: glue, uri: x }', 'a catalog of type glue has no `uri`'],
    ['{ name: a, type: embedded, region: x }', 'a catalog of type embedded has no `region`'],
  ])('%s is refused', (catalog, message) => {
    const messages = errorsOf(`catalogs: [ ${catalog} ]\n`).map(error => error.message)
    expect(messages.join('\n')).toContain(message)
  })
})
