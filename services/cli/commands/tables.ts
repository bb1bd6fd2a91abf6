/** `tables` and `table show`: what is there, from the metadata database alone. */
import type { TableDetail } from '../../../shared/metadata/metadata-store.ts'
import {
  currentSchemaOf,
  type DescribeLimits,
  defaultSpecOf,
  describeTable,
  type PartitionDescription,
  type TableDescription,
} from '../../tables/describe-table.ts'
import { listTableSummaries, type TableSummary } from '../../tables/list-tables.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, findNamed, withStores } from '../load-config-file.ts'
import { schemaTree, specLines } from '../schema-tree.ts'
import { table as layOut, note, print, printJson } from '../terminal.ts'
import { ageText, counted, sizeText } from '../units.ts'

/** How many of the newest are shown when not all of them are asked for, and the most that `--limit` may ask for. */
const FEW = 10
const MAX_LISTED = 10_000

export async function tables(options: ConfigOption & { readonly json?: boolean }): Promise<ExitCode> {
  return await withStores(options, async ({ metadata }) => {
    const report = await listTableSummaries(metadata)
    if (options.json) printJson(report)
    else if (report.tables.length === 0) note('No tables yet: tidewater run creates them.')
    else print(layOut([HEADINGS, ...report.tables.map(summaryCells)]))
    return EXIT.done
  })
}

const HEADINGS = [
  'table',
  'state',
  'rows',
  'files',
  'size',
  'snapshots',
  'newest record',
  'pending',
  'catalogs',
]

function summaryCells(table: TableSummary): readonly (string | number | bigint)[] {
  return [
    table.name,
    table.state,
    table.rows,
    table.data_files,
    sizeText(table.size_bytes),
    table.snapshots,
    table.lag_ms === null ? '-' : ageText(table.lag_ms),
    table.pending_offsets,
    table.catalogs.map(catalogText).join(', ') || '-',
  ]
}

function catalogText({ catalog, state, current }: TableSummary['catalogs'][number]): string {
  return `${catalog} ${state === 'published' && !current ? 'behind' : state}`
}

export interface ShowOptions extends ConfigOption {
  readonly json?: boolean
  readonly files?: boolean
  readonly snapshots?: boolean
  readonly partitions?: boolean
  readonly limit: number
}

export async function tableShow(options: ShowOptions, name: string): Promise<ExitCode> {
  return await withStores(options, async ({ metadata }) => {
    const table = findNamed('table', await metadata.listTables(), name)
    const limits = limitsOf(options)
    const description = await describeTable(metadata, table.name, limits)
    if (options.json) printJson(description)
    else if (description !== undefined) print(showText(description, table, options).join('\n'))
    return EXIT.done
  })
}

/** Lists that are asked for go to `--limit`; of the others a few are shown, and no files. */
function limitsOf({ files, snapshots, partitions, limit }: ShowOptions): DescribeLimits {
  const wanted = Math.min(limit, MAX_LISTED)
  return {
    files: files ? wanted : 0,
    snapshots: snapshots ? wanted : Math.min(FEW, wanted),
    partitions: partitions ? wanted : Math.min(FEW, wanted),
  }
}

function showText(table: TableDescription, detail: TableDetail, { files }: ShowOptions): readonly string[] {
  const schema = currentSchemaOf(detail)
  const spec = specLines(defaultSpecOf(detail), schema)
  return [
    `${table.name} · ${table.state}${table.state_reason === null ? '' : `: ${table.state_reason}`}`,
    ...(table.parent === null ? [] : [`  dead letters of ${table.parent}`]),
    ...(table.dead_letter_table === null ? [] : [`  dead letters in ${table.dead_letter_table}`]),
    `  location ${table.location}`,
    `  uuid ${table.table_uuid}, created ${new Date(table.created_at_ms).toISOString()}, version ${table.version}`,
    ...section('schema', schemaTree(schema)),
    ...section('partitioned by', spec.length === 0 ? ['nothing'] : spec),
    ...section(
      'properties',
      Object.entries(table.properties).map(([key, value]) => `${key} = ${value}`),
    ),
    ...section('catalogs', table.publications.flatMap(publicationLines)),
    ...section('source', sourceLines(table)),
    ...section(
      `files: ${counted(table.data_files, 'file')}, ${counted(table.rows, 'row')}, ${sizeText(table.size_bytes)}`,
      sizeLines(table),
    ),
    ...(files ? fileLines(table) : []),
    ...partitionLines(table),
    ...snapshotLines(table),
  ]
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`  ${title}`, ...lines.map(line => `    ${line}`)]
}

function publicationLines(publication: TableDescription['publications'][number]): readonly string[] {
  const { catalog, state, current, snapshot_id, metadata_location, error_code, error_message } = publication
  const shown = snapshot_id === null ? 'no snapshot yet' : `snapshot ${snapshot_id}`
  return [
    `${catalog}: ${state}, ${shown}${current ? '' : ' (not the newest)'}`,
    ...(metadata_location === null ? [] : [`  ${metadata_location}`]),
    ...(error_message === null || state === 'published' ? [] : [`  ${error_message} [${error_code ?? ''}]`]),
  ]
}

function sourceLines({ source_partitions, at_ms }: TableDescription): readonly string[] {
  if (source_partitions.length === 0) return []
  const rows = source_partitions.map(partition => [
    `${partition.topic}-${partition.partition}`,
    partition.committed_offset,
    partition.planned_offset,
    partition.newest_record_at_ms === null ? '-' : ageText(at_ms - partition.newest_record_at_ms),
    partition.state,
  ])
  return layOut([['partition', 'watermark', 'planned', 'newest record', 'state'], ...rows]).split('\n')
}

function sizeLines({ file_sizes }: TableDescription): readonly string[] {
  const present = file_sizes.filter(({ data_files }) => data_files > 0)
  const largestBound = file_sizes.findLast(({ below_bytes }) => below_bytes !== null)?.below_bytes ?? 0n
  const rows = present.map(({ below_bytes, data_files, rows, size_bytes }) => [
    below_bytes === null ? `from ${sizeText(largestBound)}` : `below ${sizeText(below_bytes)}`,
    counted(data_files, 'file'),
    counted(rows, 'row'),
    sizeText(size_bytes),
  ])
  return rows.length === 0 ? [] : layOut(rows).split('\n')
}

function fileLines({ files }: TableDescription): readonly string[] {
  const rows = files.newest.map(file => [
    file.path,
    file.rows,
    sizeText(file.size_bytes),
    file.snapshot_id === null ? 'in no snapshot yet' : `snapshot ${file.snapshot_id}`,
  ])
  return rows.length === 0 ? [] : section('newest files', [...layOut(rows).split('\n'), ...more(files)])
}

function partitionLines({ partitions }: TableDescription): readonly string[] {
  const isPartitioned = partitions.newest.some(({ values }) => Object.keys(values).length > 0)
  if (!isPartitioned) return []
  const rows = partitions.newest.map(partition => [
    valuesText(partition.values),
    counted(partition.rows, 'row'),
    counted(partition.data_files, 'file'),
    sizeText(partition.size_bytes),
  ])
  return section(`partitions: ${partitions.count}, the last written first`, [
    ...layOut(rows).split('\n'),
    ...more(partitions),
  ])
}

function valuesText(values: PartitionDescription['values']): string {
  const texts = Object.entries(values).map(([name, value]) => `${name}=${value ?? 'null'}`)
  return texts.join(' ') || 'no partition'
}

function snapshotLines({ snapshots }: TableDescription): readonly string[] {
  const rows = snapshots.newest.map(snapshot => [
    snapshot.snapshot_id,
    new Date(snapshot.at_ms).toISOString(),
    snapshot.operation,
    `+${counted(snapshot.added_rows, 'row')}`,
    `+${counted(snapshot.added_files, 'file')}`,
    `${counted(snapshot.total_rows, 'row')} in all`,
  ])
  if (rows.length === 0) return section('snapshots', ['none yet'])
  return section(`snapshots: ${snapshots.count}, the newest first`, [
    ...layOut(rows).split('\n'),
    ...more(snapshots),
  ])
}

function more({ count, newest }: { readonly count: number; readonly newest: readonly unknown[] }): string[] {
  return count > newest.length ? [`… and ${count - newest.length} more`] : []
}
