import { expect, test } from 'vitest'
import { connectLines } from '../../../services/server/connect-lines.ts'

const uri = 'http://127.0.0.1:4711/catalog'
const textOf = (store: Parameters<typeof connectLines>[0]['store']) =>
  connectLines({ uri, warehouse: 'local', store, table: 'shop.orders' }).map(
    ({ engine, lines }) => [engine, lines.join('\n')] as const,
  )

test('every engine is told where the catalog is and which warehouse', () => {
  const texts = textOf({ url: 'file:///lake' })
  expect(texts.map(([engine]) => engine)).toEqual(['PyIceberg', 'Spark', 'Trino', 'DuckDB'])
  for (const [, text] of texts) {
    expect(text).toContain(uri)
    expect(text).toContain('local')
    expect(text).not.toContain('s3')
  }
})

test('a warehouse in S3 brings what Spark and Trino need to read it', () => {
  const store = { url: 's3://lake/w', endpoint: 'http://minio:9000', region: 'eu-1', pathStyle: true }
  const texts = new Map(textOf(store))
  expect(texts.get('Spark')).toContain('iceberg-aws-bundle')
  for (const line of ['s3.endpoint=http://minio:9000', 's3.region=eu-1', 's3.path-style-access=true'])
    expect(texts.get('Trino')).toContain(line)
})
