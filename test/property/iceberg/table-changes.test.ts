/** Random histories of a table; a catalog that shows one moment of it is brought to a later one. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PartitionSpec } from '../../../shared/iceberg/partition-spec.ts'
import type { NestedField } from '../../../shared/iceberg/schema.ts'
import {
  changesBetween,
  creationOf,
  currentSnapshotOf,
  differenceOf,
} from '../../../shared/iceberg/table-changes.ts'
import type { TableMetadata } from '../../../shared/iceberg/table-metadata.ts'
import { applyTableUpdates } from '../../fakes/apply-table-updates.ts'
import { LOCATION, TABLE_ID } from '../../unit/iceberg/fixtures.ts'

type Step =
  | { readonly kind: 'snapshots'; readonly count: number }
  | { readonly kind: 'expire'; readonly count: number }
  | { readonly kind: 'add-column' }
  | { readonly kind: 'drop-column'; readonly at: number }
  | { readonly kind: 'partition'; readonly at: number; readonly isVoid: boolean }
  | { readonly kind: 'property'; readonly key: string; readonly value: string | undefined }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('snapshots' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('expire' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('add-column' as const) }),
  fc.record({ kind: fc.constant('drop-column' as const), at: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant('partition' as const), at: fc.nat({ max: 5 }), isVoid: fc.boolean() }),
  fc.record({
    kind: fc.constant('property' as const),
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.constantFrom('1', '2'), { nil: undefined }),
  }),
)
const column = (id: number): NestedField => ({
  id,
  name: `c${id}`,
  required: false,
  type: { kind: 'struct', fields: [{ id: id + 1, name: 'x', required: false, type: { kind: 'long' } }] },
})
const START: TableMetadata = {
  tableUuid: TABLE_ID,
  location: LOCATION,
  lastSequenceNumber: 0n,
  lastUpdatedMs: 1,
  lastColumnId: 2,
  schemas: [{ schemaId: 0, fields: [column(1)] }],
  currentSchemaId: 0,
  partitionSpecs: [{ specId: 0, fields: [] }],
  defaultSpecId: 0,
  lastPartitionId: 999,
  properties: { 'gc.enabled': 'false' },
  snapshots: [],
  snapshotLog: [],
  metadataLog: [],
}

function currentFields({ schemas, currentSchemaId }: TableMetadata): readonly NestedField[] {
  return schemas.find(({ schemaId }) => schemaId === currentSchemaId)?.fields ?? []
}

function withSchema(table: TableMetadata, fields: readonly NestedField[]): TableMetadata {
  const schemaId = table.schemas.length
  return { ...table, schemas: [...table.schemas, { schemaId, fields }], currentSchemaId: schemaId }
}

function after(table: TableMetadata, step: Step): TableMetadata {
  switch (step.kind) {
    case 'snapshots': {
      const snapshots = [...table.snapshots]
      for (let made = 0; made < step.count; made++) {
        const sequenceNumber = (snapshots.at(-1)?.sequenceNumber ?? table.lastSequenceNumber) + 1n
        const parent = snapshots.at(-1)?.snapshotId
        snapshots.push({
          // Beyond what a double holds.
          snapshotId: 2n ** 60n + sequenceNumber,
          ...(parent !== undefined && { parentSnapshotId: parent }),
          sequenceNumber,
          timestampMs: Number(sequenceNumber),
          manifestList: `${LOCATION}/metadata/snap-${sequenceNumber}.avro`,
          summary: { operation: 'append', 'added-records': '1' },
          schemaId: table.currentSchemaId,
        })
      }
      const newest = snapshots.at(-1)
      if (newest === undefined) return table
      return {
        ...table,
        snapshots,
        lastSequenceNumber: newest.sequenceNumber,
        currentSnapshotId: newest.snapshotId,
      }
    }
    case 'expire':
      return { ...table, snapshots: table.snapshots.slice(Math.min(step.count, table.snapshots.length - 1)) }
    case 'add-column':
      return {
        ...withSchema(table, [...currentFields(table), column(table.lastColumnId + 1)]),
        lastColumnId: table.lastColumnId + 2,
      }
    case 'drop-column': {
      const fields = currentFields(table)
      const dropped = fields[step.at % fields.length]
      const left = fields.filter(field => field !== dropped)
      const used = table.partitionSpecs.find(({ specId }) => specId === table.defaultSpecId)
      const isUsed = used?.fields.some(
        ({ sourceId, transform }) => transform.kind !== 'void' && sourceId === (dropped?.id ?? 0) + 1,
      )
      return left.length === 0 || isUsed === true ? table : withSchema(table, left)
    }
    case 'partition': {
      const fields = currentFields(table)
      const source = fields[step.at % fields.length]
      const specId = table.partitionSpecs.length
      const fieldId = table.lastPartitionId + 1
      const spec: PartitionSpec = {
        specId,
        fields: [
          {
            sourceId: (source?.id ?? 0) + 1,
            fieldId,
            name: `p${fieldId}`,
            transform: { kind: step.isVoid ? 'void' : 'identity' },
          },
        ],
      }
      return {
        ...table,
        partitionSpecs: [...table.partitionSpecs, spec],
        defaultSpecId: specId,
        lastPartitionId: fieldId,
      }
    }
    case 'property': {
      const { [step.key]: _old, ...others } = table.properties
      return {
        ...table,
        properties: step.value === undefined ? others : { ...others, [step.key]: step.value },
      }
    }
  }
}

const history = fc.array(step, { maxLength: 14 }).map(steps => {
  const moments = [START]
  for (const one of steps) moments.push(after(moments.at(-1) ?? START, one))
  return moments
})
const twoMoments = fc
  .tuple(history, fc.nat(), fc.nat())
  .map(([moments, left, right]) =>
    [left % moments.length, right % moments.length].sort((a, b) => a - b).map(at => moments[at] ?? START),
  )

/** What both sides say of a table; times, logs and the order of snapshots of one sequence are each side's own. */
function essence(table: TableMetadata): object {
  const { lastUpdatedMs: _updated, snapshotLog: _log, metadataLog: _files, ...rest } = table
  return { ...rest, currentSnapshotId: currentSnapshotOf(table) }
}

const all = () => true

test('a table at any moment becomes the one of any later moment, and then nothing is left to change', () => {
  fc.assert(
    fc.property(twoMoments, ([earlier = START, later = START]) => {
      const reached = applyTableUpdates(earlier, changesBetween(earlier, later, all).updates)
      expect(essence(reached)).toEqual(essence(later))
      expect(changesBetween(reached, later, all)).toEqual({ requirements: [], updates: [] })
      expect(differenceOf(earlier, later)).toBeUndefined()
    }),
    { numRuns: 300 },
  )
})

test('a table is created with its whole history', () => {
  fc.assert(
    fc.property(twoMoments, ([, table = START]) => {
      const created = applyTableUpdates(undefined, creationOf(table).updates)
      expect(essence(created)).toEqual(essence(table))
      expect(changesBetween(created, table, all).updates).toEqual([])
    }),
  )
})

test('nobody is moved, no requirement is missing, and each says what the catalog shows', () => {
  fc.assert(
    fc.property(twoMoments, ([earlier = START, later = START]) => {
      const { requirements, updates } = changesBetween(earlier, later, all)
      const actions = new Set(updates.map(({ action }) => action))
      expect(actions).not.toContain('set-location')
      const needs: readonly (readonly [boolean, object])[] = [
        [actions.size > 0, { type: 'assert-table-uuid', uuid: TABLE_ID }],
        [
          actions.size > 0,
          {
            type: 'assert-ref-snapshot-id',
            ref: 'main',
            'snapshot-id': currentSnapshotOf(earlier) ?? null,
          },
        ],
        [
          actions.has('add-schema'),
          { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': earlier.lastColumnId },
        ],
        [
          actions.has('set-current-schema'),
          { type: 'assert-current-schema-id', 'current-schema-id': earlier.currentSchemaId },
        ],
        [
          actions.has('add-spec'),
          {
            type: 'assert-last-assigned-partition-id',
            'last-assigned-partition-id': earlier.lastPartitionId,
          },
        ],
        [
          actions.has('set-default-spec'),
          { type: 'assert-default-spec-id', 'default-spec-id': earlier.defaultSpecId },
        ],
      ]
      expect(requirements).toEqual(needs.flatMap(([isNeeded, what]) => (isNeeded ? [what] : [])))
    }),
  )
})
