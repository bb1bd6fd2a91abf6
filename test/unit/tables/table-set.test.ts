import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTableSet } from '../../../services/tables/table-set.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

test('a table that is added is there, by its order and its id', async () => {
  const table = await pipeline.declare()
  const set = createTableSet([])
  expect(set.all()).toEqual([])
  set.add(table)
  expect(set.all()).toEqual([table])
  expect(set.find(table.rows.tableId)).toBe(table)
  expect(set.find('another')).toBeUndefined()
})

test('a table is added once', async () => {
  const table = await pipeline.declare()
  expect(() => createTableSet([table, table])).toThrow('added once')
})
