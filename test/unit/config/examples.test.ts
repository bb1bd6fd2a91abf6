import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { load } from './fixtures.ts'

const folder = new URL('../../../examples/', import.meta.url)
const examples = readdirSync(folder).filter(name => name.endsWith('.yaml'))

it.each(examples)('example %s is a valid configuration', name => {
  const env = { S3_ENDPOINT: 'http://localhost:9000', S3_ACCESS_KEY: 'id', S3_SECRET_KEY: 'key' }
  const outcome = load(readFileSync(new URL(name, folder), 'utf8'), env)
  expect(outcome.kind === 'errors' ? outcome.errors : []).toEqual([])
})

it('there are examples', () => {
  expect(examples).toContain('orders.yaml')
})
