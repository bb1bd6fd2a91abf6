import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Connection, connectLines } from '../../../services/server/connect-lines.ts'

const uri = 'http://127.0.0.1:4711/catalog'
const textsOf = (connection: Pick<Connection, 'store'> & Partial<Connection>) =>
  new Map(
    connectLines({ uri, warehouse: 'local', table: 'shop.orders', ...connection }).map(
      ({ engine, lines }) => [engine, lines.join('\n')] as const,
    ),
  )

test('every engine is told where the catalog is and which warehouse', () => {
  const texts = textsOf({ store: { url: 'file:///lake' } })
  expect([...texts.keys()]).toEqual(['PyIceberg', 'Spark', 'Trino', 'DuckDB'])
  for (const text of texts.values()) {
    expect(text).toContain(uri)
    expect(text).toContain('local')
    expect(text).not.toContain('s3')
  }
})

test('a warehouse in S3 brings what Spark and Trino need to read it', () => {
  const store = { url: 's3://lake/w', endpoint: 'http://minio:9000', region: 'eu-1', pathStyle: true }
  const texts = textsOf({ store })
  expect(texts.get('Spark')).toContain('iceberg-aws-bundle')
  for (const line of ['s3.endpoint=http://minio:9000', 's3.region=eu-1', 's3.path-style-access=true'])
    expect(texts.get('Trino')).toContain(line)
})

test('a server of one’s own is asked by path, in some region, where tidewater.yaml says neither', () => {
  const texts = textsOf({ store: { url: 's3://lake/w', endpoint: 'http://minio:9000' } })
  for (const line of ['s3.region=us-east-1', 's3.path-style-access=true'])
    expect(texts.get('Trino')).toContain(line)
  for (const option of [`ENDPOINT 'minio:9000'`, 'USE_SSL false', `URL_STYLE 'path'`])
    expect(texts.get('DuckDB')).toContain(option)
})

test('a token is in all of them, and a namespace inside another is one name for DuckDB', () => {
  const texts = textsOf({ store: { url: 'file:///lake' }, token: 'secret-token', table: 'shop.eu.orders' })
  for (const text of texts.values()) expect(text).toContain('secret-token')
  expect(texts.get('DuckDB')).toContain('FROM tidewater."shop.eu".orders')
})

describe('the page of each engine shows these lines', () => {
  const folder = textsOf({ store: { url: 'file:///lake' }, uri: 'http://127.0.0.1:8181/catalog' })
  const s3 = textsOf({
    store: { url: 's3://lake/warehouse', region: 'eu-central-1' },
    uri: 'https://tidewater.example.com/catalog',
    token: 'the-token-of-the-server',
  })
  test.each([...folder.keys()])('%s', engine => {
    const path = join(import.meta.dirname, '../../../docs/engines', `${engine.toLowerCase()}.md`)
    const page = readFileSync(path, 'utf8')
    for (const texts of [folder, s3]) expect(page).toContain(`\n${texts.get(engine)}\n\`\`\``)
  })
})
