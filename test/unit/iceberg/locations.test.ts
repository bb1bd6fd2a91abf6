import { expect, test } from 'vitest'
import {
  dataFilePath,
  manifestListPath,
  manifestPath,
  metadataFilePath,
} from '../../../shared/iceberg/locations.ts'
import { LOCATION, TABLE_ID } from './fixtures.ts'

const NAME = { location: LOCATION, tableId: TABLE_ID, snapshotId: 7n }

test('trap: metadata files are named with five digits, a dash and a uuid', () => {
  expect(metadataFilePath(LOCATION, 1, TABLE_ID)).toBe(`${LOCATION}/metadata/00001-${TABLE_ID}.metadata.json`)
  expect(metadataFilePath(LOCATION, 123_456, TABLE_ID)).toContain('/metadata/123456-')
  expect(() => metadataFilePath(LOCATION, 1.5, TABLE_ID)).toThrow(/whole number/)
})

test('trap: a publish that is run again has the same names, another snapshot or table has others', () => {
  expect(manifestPath(NAME, 3)).toBe(manifestPath({ ...NAME }, 3))
  const names = [
    manifestPath(NAME, 3),
    manifestPath(NAME, 4),
    manifestPath({ ...NAME, snapshotId: 8n }, 3),
    manifestPath({ ...NAME, tableId: 'other' }, 3),
    manifestListPath(NAME),
  ]
  expect(new Set(names).size).toBe(names.length)
  expect(names[0]).toMatch(
    /\/metadata\/7-m3-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}\.avro$/,
  )
})

test('trap: no doubled slash in any path', () => {
  expect(dataFilePath(LOCATION, '', 'a.parquet')).toBe(`${LOCATION}/data/a.parquet`)
  expect(dataFilePath('file:///lake/t', 'day=2026-01-01', 'a.parquet')).toBe(
    'file:///lake/t/data/day=2026-01-01/a.parquet',
  )
  for (const location of [`${LOCATION}/`, 's3://lake//t', 'file:///lake//t'])
    expect(() => dataFilePath(location, '', 'a.parquet')).toThrow(/doubled/)
})
