import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTableSet } from '../../../services/tables/table-set.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

test('visitors see the tables that are there and those that come', async () => {
  const table = await pipeline.declare()
  const set = createTableSet([])
  const seen: string[] = []
  set.follow(({ config }) => seen.push(`first saw ${config.name}`))
  set.add(table)
  set.follow(({ config }) => seen.push(`second saw ${config.name}`))
  expect(seen).toEqual(['first saw shop.orders', 'second saw shop.orders'])
  expect(set.all()).toEqual([table])
  expect(set.find(table.rows.tableId)).toBe(table)
  expect(set.find('another')).toBeUndefined()
})

test('a table is added once', async () => {
  const table = await pipeline.declare()
  expect(() => createTableSet([table, table])).toThrow('added once')
})
