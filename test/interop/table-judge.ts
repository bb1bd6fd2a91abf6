/** What holds of every table, whoever reads it: its schema is the ledger's, its summaries' totals are counts, its files carry its field ids. */
import { expect } from 'vitest'
import { schemaToJson } from '../../shared/iceberg/schema-json.ts'
import { openSqliteMetadataStore } from '../../shared/metadata/sqlite/store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import type { OutsideReader, PyIcebergReader, TableDescription } from './readers/readers.ts'

/** `path` → `id type`, with `!` where required, at every level; lists' elements and maps' keys and values as steps of the path. */
export function flatSchema(fields: unknown): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {}
  const visit = (path: string, id: unknown, type: unknown, required: unknown) => {
    const kind = isObject(type) ? String(type.type) : String(type).replaceAll(' ', '')
    flat[path] = `${id} ${kind}${required === true ? '!' : ''}`
    if (!isObject(type)) return
    if (Array.isArray(type.fields)) visitFields(type.fields, `${path}.`)
    if (kind === 'list') visit(`${path}.element`, type['element-id'], type.element, type['element-required'])
    if (kind !== 'map') return
    visit(`${path}.key`, type['key-id'], type.key, true)
    visit(`${path}.value`, type['value-id'], type.value, type['value-required'])
  }
  const visitFields = (children: readonly unknown[], prefix: string) => {
    for (const field of children) {
      if (!isObject(field)) throw new TypeError('a field of a schema is an object')
      visit(`${prefix}${field.name}`, field.id, field.type, field.required)
    }
  }
  if (!Array.isArray(fields)) throw new TypeError('the fields of a schema are an array')
  visitFields(fields, '')
  return flat
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

export interface Judged {
  /** Name in the ledger. */
  readonly table: string
  readonly metadataLocation: string
  readonly databasePath: string
}

export async function expectSchemaOfLedger(judged: Judged, described: TableDescription): Promise<void> {
  const ledger = openSqliteMetadataStore({ path: judged.databasePath, runtime: systemRuntime })
  try {
    const table = await ledger.loadTable(judged.table)
    const schema = table?.schemas.find(candidate => candidate.schemaId === table.currentSchemaId)
    if (table === undefined || schema === undefined)
      throw new Error(`the ledger has no schema of ${judged.table}`)
    const json = schemaToJson(schema)
    expect(flatSchema(described.schema)).toEqual(flatSchema(isObject(json) ? json.fields : undefined))
    expect(described.tableUuid).toBe(table.tableId)
    expect(described.location).toBe(table.location)
  } finally {
    await ledger.close()
  }
}

/** Engines answer `count(*)` from these totals, so each must be what a scan of that snapshot counts. */
export async function expectTotalsToBeCounts(
  reader: OutsideReader,
  { metadataLocation }: Judged,
  described: TableDescription,
): Promise<void> {
  let records = 0
  for (const { snapshotId, summary } of described.snapshots) {
    const count = await reader.count(metadataLocation, { snapshotId })
    records += Number(summary['added-records'])
    expect([Number(summary['total-records']), records]).toEqual([count, count])
  }
  const { files } = await reader.inspect(metadataLocation)
  const last = described.snapshots.at(-1)?.summary ?? {}
  const sum = (key: 'record_count' | 'file_size_in_bytes') =>
    files.reduce((total, file) => total + Number(file[key]), 0)
  expect({
    records: last['total-records'],
    files: last['total-data-files'],
    size: last['total-files-size'],
  }).toEqual({
    records: String(sum('record_count')),
    files: String(files.length),
    size: String(sum('file_size_in_bytes')),
  })
}

/** What readers project by is in the files: the ids in each Parquet footer are those of the schema, and its rows those of the manifest. */
export async function expectFootersToMatch(
  reader: PyIcebergReader,
  { metadataLocation }: Judged,
  described: TableDescription,
): Promise<void> {
  const flat = Object.entries(flatSchema(described.schema))
  const ids = Object.fromEntries(flat.map(([path, what]) => [path, Number.parseInt(what, 10)]))
  const { files } = await reader.inspect(metadataLocation)
  const counts = new Map(files.map(file => [file.file_path, Number(file.record_count)]))
  const footers = await reader.parquetFooters(metadataLocation)
  expect(footers.length).toBe(files.length)
  for (const footer of footers) {
    expect(footer.fieldIds, footer.path).toEqual(ids)
    expect(footer.rowCount, footer.path).toBe(counts.get(footer.path))
  }
}
