/**
 * What a REST catalog does with the updates of a commit, by the rules of the Java library's `TableMetadata.Builder`: ids of schemas and
 * specs are given in order, specs are bound to the schema that is current, sequence numbers rise. Breaches are errors.
 */
import { z } from 'zod'
import { exactInteger, parseExactJson, stringifyExactJson } from '../../shared/iceberg/exact-json.ts'
import type { TableUpdate } from '../../shared/iceberg/table-changes.ts'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { parseTableMetadata, renderTableMetadata } from '../../shared/iceberg/table-metadata-json.ts'

const id = z.union([z.int(), z.bigint()]).transform(value => exactInteger(value) ?? 0n)
const anyRecord = z.record(z.string(), z.unknown())
const fieldIds: z.ZodType<readonly number[]> = z.lazy(() =>
  z
    .array(
      z.object({
        id: z.int(),
        type: z.union([
          z.string(),
          z.object({ type: z.literal('struct'), fields: fieldIds }),
          z.looseObject({}).transform(() => ({ fields: [] })),
        ]),
      }),
    )
    .transform(fields =>
      fields.flatMap(field => [field.id, ...(typeof field.type === 'string' ? [] : field.type.fields)]),
    ),
)
const schemaJson = z.looseObject({ 'schema-id': z.int(), fields: z.array(z.unknown()) })
const specJson = z.looseObject({
  'spec-id': z.int(),
  fields: z.array(
    z.looseObject({ 'source-id': z.int(), 'field-id': z.int(), name: z.string(), transform: z.string() }),
  ),
})
const snapshotJson = z.looseObject({
  'snapshot-id': id,
  'sequence-number': id,
  'parent-snapshot-id': id.optional(),
  'schema-id': z.int(),
})
const tableJson = z.looseObject({
  'table-uuid': z.string(),
  'last-sequence-number': id,
  'last-column-id': z.int(),
  schemas: z.array(schemaJson),
  'current-schema-id': z.int(),
  'partition-specs': z.array(specJson),
  'default-spec-id': z.int(),
  'last-partition-id': z.int(),
  properties: z.record(z.string(), z.string()),
  snapshots: z.array(snapshotJson),
  'current-snapshot-id': id,
  refs: z.record(z.string(), z.looseObject({ 'snapshot-id': id })),
  'snapshot-log': z.array(z.looseObject({ 'snapshot-id': id })),
})
type TableJson = z.infer<typeof tableJson>

const NONE = -1n
const EMPTY: TableJson = {
  'format-version': 2,
  'table-uuid': 'of the server',
  location: '',
  'last-sequence-number': 0n,
  'last-updated-ms': 0,
  'last-column-id': 0,
  schemas: [],
  'current-schema-id': -1,
  'partition-specs': [],
  'default-spec-id': -1,
  'last-partition-id': 999,
  properties: {},
  snapshots: [],
  'current-snapshot-id': NONE,
  refs: {},
  'snapshot-log': [],
}

/** `base`: none when the table is created. */
export function applyTableUpdates(
  base: TableMetadata | undefined,
  updates: readonly TableUpdate[],
): TableMetadata {
  const table =
    base === undefined
      ? structuredClone(EMPTY)
      : tableJson.parse(parseExactJson(new TextDecoder().decode(renderTableMetadata(base)), 'base'))
  // Through JSON, as a server gets them.
  const received = z.array(anyRecord).parse(parseExactJson(stringifyExactJson(updates), 'updates'))
  for (const update of received) apply(table, update)
  const bytes = new TextEncoder().encode(stringifyExactJson(table))
  return parseTableMetadata(bytes, 'the table after the updates')
}

function apply(table: TableJson, update: Readonly<Record<string, unknown>>): void {
  const number = (key: string) => z.int().parse(update[key])
  switch (update.action) {
    case 'assign-uuid':
      table['table-uuid'] = z.string().parse(update.uuid)
      return
    case 'upgrade-format-version':
      check(number('format-version') === table['format-version'], 'format version 2')
      return
    case 'set-location':
      table.location = z.string().parse(update.location)
      return
    case 'add-schema':
      addSchema(table, schemaJson.parse(update.schema))
      return
    case 'set-current-schema':
      check(
        table.schemas.some(schema => schema['schema-id'] === number('schema-id')),
        'the schema is known',
      )
      table['current-schema-id'] = number('schema-id')
      return
    case 'add-spec':
      addSpec(table, specJson.parse(update.spec))
      return
    case 'set-default-spec':
      check(
        table['partition-specs'].some(spec => spec['spec-id'] === number('spec-id')),
        'the spec is known',
      )
      table['default-spec-id'] = number('spec-id')
      return
    case 'add-sort-order':
    case 'set-default-sort-order':
      return
    case 'set-properties':
      Object.assign(table.properties, z.record(z.string(), z.string()).parse(update.updates))
      return
    case 'remove-properties':
      for (const key of z.array(z.string()).parse(update.removals)) delete table.properties[key]
      return
    case 'add-snapshot':
      addSnapshot(table, snapshotJson.parse(update.snapshot))
      return
    case 'set-snapshot-ref': {
      const snapshotId = id.parse(update['snapshot-id'])
      check(
        table.snapshots.some(snapshot => snapshot['snapshot-id'] === snapshotId),
        'the snapshot is known',
      )
      table.refs[z.literal('main').parse(update['ref-name'])] = {
        'snapshot-id': snapshotId,
        type: update.type,
      }
      table['current-snapshot-id'] = snapshotId
      return
    }
    case 'remove-snapshots':
      removeSnapshots(table, z.array(id).parse(update['snapshot-ids']))
      return
    default:
      throw new Error(`the server knows no update ${String(update.action)}`)
  }
}

function addSchema(table: TableJson, schema: z.infer<typeof schemaJson>): void {
  const next = Math.max(-1, ...table.schemas.map(known => known['schema-id'])) + 1
  table.schemas.push({ ...schema, 'schema-id': next })
  const all = JSON.stringify(schema).matchAll(/"(?:id|element-id|key-id|value-id)":(\d+)/g)
  table['last-column-id'] = Math.max(table['last-column-id'], ...[...all].map(([, found]) => Number(found)))
}

function addSpec(table: TableJson, spec: z.infer<typeof specJson>): void {
  const current = table.schemas.find(schema => schema['schema-id'] === table['current-schema-id'])
  const ids = new Set(fieldIds.parse(current?.fields))
  for (const field of spec.fields) {
    check(
      field.transform === 'void' || ids.has(field['source-id']),
      `the current schema has column ${field['source-id']}`,
    )
    table['last-partition-id'] = Math.max(table['last-partition-id'], field['field-id'])
  }
  const next = Math.max(-1, ...table['partition-specs'].map(known => known['spec-id'])) + 1
  table['partition-specs'].push({ ...spec, 'spec-id': next })
}

function addSnapshot(table: TableJson, snapshot: z.infer<typeof snapshotJson>): void {
  check(table.schemas.length > 0 && table['partition-specs'].length > 0, 'a schema and a spec come first')
  check(
    table.snapshots.every(known => known['snapshot-id'] !== snapshot['snapshot-id']),
    'the snapshot is new',
  )
  check(
    snapshot['sequence-number'] > table['last-sequence-number'] ||
      snapshot['parent-snapshot-id'] === undefined,
    'sequence numbers rise',
  )
  table['last-sequence-number'] = snapshot['sequence-number']
  table.snapshots.push(snapshot)
}

function removeSnapshots(table: TableJson, ids: readonly bigint[]): void {
  const left = table.snapshots.filter(snapshot => !ids.includes(snapshot['snapshot-id']))
  table.snapshots = left
  table['snapshot-log'] = table['snapshot-log'].filter(entry => !ids.includes(entry['snapshot-id']))
  for (const [name, ref] of Object.entries(table.refs))
    if (ids.includes(ref['snapshot-id'])) delete table.refs[name]
  if (table.refs.main === undefined) table['current-snapshot-id'] = NONE
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`the server refuses the commit: expected that ${what}`)
}
