import { expect, it } from 'vitest'
import { parseExactJson, stringifyExactJson } from '../../../shared/iceberg/exact-json.ts'
import { changesBetween, creationOf, differenceOf } from '../../../shared/iceberg/table-changes.ts'
import type { Snapshot, TableMetadata } from '../../../shared/iceberg/table-metadata.ts'
import { applyTableUpdates } from '../../fakes/apply-table-updates.ts'
import { problemsOfSchema } from '../../fakes/rest-catalog-spec.ts'
import { BY_DAY, LOCATION, ORDERS, TABLE_ID } from './fixtures.ts'

const snapshot = (sequenceNumber: bigint, parentSnapshotId?: bigint): Snapshot => ({
  snapshotId: 100n + sequenceNumber,
  ...(parentSnapshotId !== undefined && { parentSnapshotId }),
  sequenceNumber,
  timestampMs: 1_000 + Number(sequenceNumber),
  manifestList: `${LOCATION}/metadata/snap-${sequenceNumber}.avro`,
  summary: { operation: 'append' },
  schemaId: 0,
})
const table = (changes: Partial<TableMetadata> = {}): TableMetadata => ({
  tableUuid: TABLE_ID,
  location: LOCATION,
  lastSequenceNumber: changes.snapshots?.at(-1)?.sequenceNumber ?? 0n,
  lastUpdatedMs: 1,
  lastColumnId: 6,
  schemas: [ORDERS],
  currentSchemaId: 0,
  partitionSpecs: [BY_DAY],
  defaultSpecId: 0,
  lastPartitionId: 1000,
  properties: {},
  snapshots: [],
  snapshotLog: [],
  metadataLog: [],
  ...changes,
})
const none = () => false

it('a catalog that was down gets every missed snapshot, the branch once, and then loses the expired ones', () => {
  const shown = table({ snapshots: [snapshot(1n), snapshot(2n, 101n)] })
  const wanted = table({ snapshots: [snapshot(3n, 102n), snapshot(4n, 103n)] })
  const { updates, requirements } = changesBetween(shown, wanted, none)
  expect(updates.map(({ action }) => action)).toEqual([
    'add-snapshot',
    'add-snapshot',
    'set-snapshot-ref',
    'remove-snapshots',
  ])
  expect(updates.at(-1)).toEqual({ action: 'remove-snapshots', 'snapshot-ids': [101n, 102n] })
  expect(requirements).toContainEqual({ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 102n })
  expect(applyTableUpdates(shown, updates).snapshots.map(({ snapshotId }) => snapshotId)).toEqual([
    103n,
    104n,
  ])
})

it('a catalog that shows its current snapshot alone is given only newer ones', () => {
  const shown = table({ snapshots: [snapshot(2n, 101n)] })
  const wanted = table({ snapshots: [snapshot(1n), snapshot(2n, 101n), snapshot(3n, 102n)] })
  const { updates } = changesBetween(shown, wanted, none)
  expect(updates.map(({ action }) => action)).toEqual(['add-snapshot', 'set-snapshot-ref'])
  const same = table({ snapshots: [snapshot(1n), snapshot(2n, 101n)] })
  expect(changesBetween(shown, same, none).updates).toEqual([])
})

it('a spec whose column is gone is added while a schema that has it is current', () => {
  const wanted = table({
    schemas: [ORDERS, { ...ORDERS, schemaId: 1, fields: ORDERS.fields.filter(({ id }) => id !== 2) }],
    currentSchemaId: 1,
    partitionSpecs: [BY_DAY, { specId: 1, fields: [] }],
    defaultSpecId: 1,
  })
  const { updates } = creationOf(wanted)
  const steps = updates.flatMap(update =>
    update.action === 'set-current-schema'
      ? [`schema ${update['schema-id']}`]
      : update.action === 'add-spec'
        ? ['spec']
        : [],
  )
  expect(steps).toEqual(['schema 0', 'spec', 'schema 1', 'spec'])
  expect(applyTableUpdates(undefined, updates)).toMatchObject({ currentSchemaId: 1, defaultSpecId: 1 })
})

it('what a branch or tag of others holds stays, with its history', () => {
  const foreign: Snapshot = { ...snapshot(9n, 102n), snapshotId: 999n }
  const shown = table({
    snapshots: [snapshot(1n), snapshot(2n, 101n), snapshot(3n), foreign],
    currentSnapshotId: 103n,
    refs: { audit: { snapshotId: 999n, type: 'branch' } },
    lastSequenceNumber: 9n,
  })
  const wanted = table({ snapshots: [snapshot(10n)] })
  const { updates } = changesBetween(shown, wanted, none)
  expect(updates.at(-1)).toEqual({ action: 'remove-snapshots', 'snapshot-ids': [103n] })
})

it('properties of others stay where they may not be removed', () => {
  const shown = table({ properties: { 'tidewater.old': '1', owner: 'spark', kept: '1' } })
  const wanted = table({ properties: { kept: '2' } })
  const { updates } = changesBetween(shown, wanted, key => key.startsWith('tidewater.'))
  expect(updates).toEqual([
    { action: 'set-properties', updates: { kept: '2' } },
    { action: 'remove-properties', removals: ['tidewater.old'] },
  ])
})

it('a difference in ids is told with both sides, a comment is none, and what is missing is still to come', () => {
  expect(differenceOf(table({ schemas: [], partitionSpecs: [] }), table())).toBeUndefined()
  const [first, ...others] = ORDERS.fields
  if (first === undefined) throw new Error('the orders have columns')
  const withDoc = { ...ORDERS, fields: [{ ...first, doc: 'by a person' }, ...others] }
  expect(differenceOf(table({ schemas: [withDoc] }), table())).toBeUndefined()
  const renumbered = { ...ORDERS, fields: [{ ...first, id: 7 }, ...others] }
  expect(differenceOf(table({ schemas: [renumbered] }), table())).toMatch(
    /^schema 0 as .*"id":7.* not as .*"id":1,/,
  )
  const added = table({ schemas: [ORDERS, { ...renumbered, schemaId: 1 }] })
  expect(differenceOf(added, table())).toBe('schema 1, which Tidewater did not make')
  const [day] = BY_DAY.fields
  if (day === undefined) throw new Error('the spec has a field')
  const otherSpec = { specId: 0, fields: [{ ...day, fieldId: 1001 }] }
  expect(differenceOf(table({ partitionSpecs: [otherSpec] }), table())).toMatch(/^partition spec 0 as .*1001/)
  expect(differenceOf(table({ partitionSpecs: [BY_DAY, { ...otherSpec, specId: 1 }] }), table())).toBe(
    'partition spec 1, which Tidewater did not make',
  )
})

it('both kinds of commits are what the specification describes', () => {
  const later = table({
    schemas: [ORDERS, { ...ORDERS, schemaId: 1, fields: ORDERS.fields.slice(1) }],
    currentSchemaId: 1,
    partitionSpecs: [BY_DAY, { specId: 1, fields: [] }],
    defaultSpecId: 1,
    properties: { a: '1' },
    snapshots: [snapshot(2n), snapshot(3n, 102n)],
  })
  const earlier = table({ snapshots: [snapshot(1n)], properties: { b: '1' } })
  for (const changes of [changesBetween(earlier, later, () => true), creationOf(later)]) {
    const sent = parseExactJson(stringifyExactJson(changes), 'the commit')
    expect(problemsOfSchema('CommitTableRequest', sent)).toEqual([])
  }
})
