/**
 * Reads chosen columns of a Parquet file back, a window of rows at a time: for `dlq show`, `audit` and tests, not for bulk work.
 *
 * hyparquet decodes; three of its conveniences lose information and are turned off by reading with altered metadata: decimals as
 * doubles, maps as objects (keys become text, in another order), dates and timestamps as `Date`. Values come in the shapes of
 * `ColumnValue` (shared/columns/column-values.ts). Columns inside a struct are read without their siblings: `_kafka.offset` fetches one
 * column chunk, not the keys and headers beside it.
 */
import {
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaElement,
  type SchemaTree,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { ColumnValue } from '../columns/column-values.ts'
import { AppError } from '../runtime/errors.ts'

/** Random access to a file's bytes; an object store's ranged reads fit. */
export interface ParquetSource {
  readonly byteLength: number
  slice(start: number, end?: number): Promise<ArrayBuffer> | ArrayBuffer
}

/** Consecutive rows of the requested columns. */
export interface ParquetRows {
  /** Index of the first row in the file. */
  readonly rowStart: number
  readonly rowCount: number
  /** By requested path; every array has `rowCount` values, null where the column or a struct above it is null. */
  readonly columns: ReadonlyMap<string, readonly ColumnValue[]>
}

/** Rows decoded at a time, unless fewer are wanted. Pages end after 20,000 rows at most, so that a window seldom decodes a page twice. */
const WINDOW_ROWS = 20_000

/** As hyparquet's defaults, but exact: bigint microseconds, days as numbers, uuid text in lower case. */
const EXACT_PARSERS: Partial<ParquetParsers> = {
  timestampFromMicroseconds: micros => micros,
  dateFromDays: days => days,
}

export interface ReadRange {
  /** Index of the first row wanted; those before it are not decoded. */
  readonly fromRow?: number
  /** Rows of a window, for values so large that many of them at once are too much. */
  readonly windowRows?: number
}

/**
 * Yields windows of rows in file order. `columns` are paths such as `amount` or `_kafka.offset`, through structs only; a path that
 * ends at a struct, list or map reads all of it. Throws `parquet-column-missing` and `parquet-malformed`.
 */
export async function* readParquetColumns(
  source: ParquetSource,
  columns: readonly string[],
  { fromRow = 0, windowRows = WINDOW_ROWS }: ReadRange = {},
): AsyncGenerator<ParquetRows> {
  const metadata = await decoded('footer', parquetMetadataAsync(source, { geoparquet: false }))
  const paths = columns.map(column => findPath(parquetSchema(metadata), column))
  const pruned = exactMetadata(pruneColumns(metadata, paths))
  const topLevel = [...new Set(paths.map(path => path.nodes[0]?.element.name ?? ''))]
  let rowStart = fromRow
  let groupEnd = 0
  for (const group of metadata.row_groups) {
    groupEnd += Number(group.num_rows)
    while (rowStart < groupEnd) {
      const rowEnd = Math.min(rowStart + windowRows, groupEnd)
      const rows = await decoded(
        `rows ${rowStart} to ${rowEnd - 1}`,
        parquetReadObjects({
          file: source,
          metadata: pruned,
          columns: topLevel,
          rowStart,
          rowEnd,
          compressors,
          utf8: false,
          useOffsetIndex: true,
          geoparquet: false,
          parsers: EXACT_PARSERS,
        }),
      )
      yield {
        rowStart,
        rowCount: rows.length,
        columns: new Map(paths.map(path => [path.text, rows.map(row => valueAtPath(row, path.nodes))])),
      }
      rowStart = rowEnd
    }
  }
}

/** What hyparquet throws becomes a typed error; what the source throws passes through. */
async function decoded<T>(what: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError({
      code: 'parquet-malformed',
      next: 'park',
      message: `Reading the ${what} of a Parquet file: ${reason}. The file is damaged, cut short or not a Parquet file.`,
      cause,
    })
  }
}

/** All rows at once as objects by top-level column, for small files and tests. */
export async function readParquetRows(source: ParquetSource): Promise<Record<string, ColumnValue>[]> {
  const metadata = await decoded('footer', parquetMetadataAsync(source, { geoparquet: false }))
  const names = parquetSchema(metadata).children.map(child => child.element.name)
  const rows: Record<string, ColumnValue>[] = []
  for await (const window of readParquetColumns(source, names)) {
    for (let i = 0; i < window.rowCount; i++) {
      rows.push(Object.fromEntries(names.map(name => [name, window.columns.get(name)?.[i] ?? null])))
    }
  }
  return rows
}

interface ColumnPath {
  readonly text: string
  /** From the top-level column to the one asked for. */
  readonly nodes: readonly SchemaTree[]
}

/** A name that holds dots itself is tried whole before it is taken apart. */
function findPath(root: SchemaTree, text: string): ColumnPath {
  const nodes = descend(root, text)
  if (nodes === undefined) throw missingColumn(root, text)
  return { text, nodes }
}

function descend(node: SchemaTree, rest: string): SchemaTree[] | undefined {
  const named = node.children.filter(({ element }) => element.repetition_type !== 'REPEATED')
  const whole = named.find(({ element }) => element.name === rest)
  if (whole !== undefined) return [whole]
  for (const child of named) {
    if (!rest.startsWith(`${child.element.name}.`)) continue
    const below = descend(child, rest.slice(child.element.name.length + 1))
    if (below !== undefined) return [child, ...below]
  }
  return undefined
}

function missingColumn(root: SchemaTree, text: string): AppError {
  const names = root.children.map(child => child.element.name)
  return new AppError({
    code: 'parquet-column-missing',
    next: 'park',
    message: `Reading column ${text} of a Parquet file: the file has no such column. It has ${names.join(', ')}.`,
    details: { column: text },
  })
}

/** Metadata in which only the requested paths exist, so that only their chunks are fetched and assembled. */
function pruneColumns(metadata: FileMetaData, paths: readonly ColumnPath[]): FileMetaData {
  const wanted = paths.map(path => path.nodes.map(node => node.element.name))
  const isWanted = (path: readonly string[]) =>
    wanted.some(want => want.every((name, i) => i >= path.length || path[i] === name))
  const schema: SchemaElement[] = []
  const keep = (node: SchemaTree): void => {
    const children = node.children.filter(child => isWanted(child.path))
    schema.push(
      node.children.length === 0 ? node.element : { ...node.element, num_children: children.length },
    )
    for (const child of children) keep(child)
  }
  keep(parquetSchema(metadata))
  const row_groups = metadata.row_groups.map(group => ({
    ...group,
    columns: group.columns.filter(chunk => isWanted(chunk.meta_data?.path_in_schema ?? [])),
  }))
  return { ...metadata, schema, row_groups }
}

/** Hides the annotations whose decoding would lose information; `exactValue` reads the plain form. */
function exactMetadata(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map(element => {
    if (element.converted_type !== 'DECIMAL' && element.converted_type !== 'MAP') return element
    const { converted_type: _converted, logical_type: _logical, ...plain } = element
    return plain
  })
  return { ...metadata, schema }
}

function valueAtPath(row: Readonly<Record<string, unknown>>, nodes: readonly SchemaTree[]): ColumnValue {
  let value: unknown = row
  for (const node of nodes) {
    if (!isObject(value)) return null
    value = value[node.element.name]
  }
  const last = nodes.at(-1)
  return last === undefined ? null : exactValue(last, value)
}

/** `node` is of the original metadata, `value` was decoded with the altered one. */
function exactValue(node: SchemaTree, value: unknown): ColumnValue {
  if (value === null || value === undefined) return null
  const { element, children } = node
  if (element.converted_type === 'LIST')
    return elements(node, value).map(item => exactValue(listElement(node), item))
  if (element.converted_type === 'MAP') {
    const [key, entry] = children[0]?.children ?? []
    if (key === undefined || entry === undefined || !isObject(value)) throw unexpected(node, value)
    const entries = value[children[0]?.element.name ?? '']
    return elements(node, entries).map(item => {
      if (!isObject(item)) throw unexpected(node, item)
      return [exactValue(key, item[key.element.name]), exactValue(entry, item[entry.element.name])]
    })
  }
  if (children.length > 0) {
    if (!isObject(value)) throw unexpected(node, value)
    return Object.fromEntries(
      children.map(child => [child.element.name, exactValue(child, value[child.element.name])]),
    )
  }
  return leafValue(node, value)
}

function leafValue(node: SchemaTree, value: unknown): ColumnValue {
  const isDecimal = node.element.converted_type === 'DECIMAL'
  switch (typeof value) {
    case 'boolean':
    case 'string':
    case 'bigint':
      return value
    case 'number':
      return isDecimal ? BigInt(value) : value
    default:
      if (!(value instanceof Uint8Array)) throw unexpected(node, value)
      return isDecimal ? bigEndian(value) : value.slice()
  }
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(bytes.length * 8, value)
}

function listElement(node: SchemaTree): SchemaTree {
  const element = node.children[0]?.children[0]
  if (element === undefined) throw unexpected(node, undefined)
  return element
}

function elements(node: SchemaTree, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw unexpected(node, value)
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}

function unexpected(node: SchemaTree, value: unknown): AppError {
  return new AppError({
    code: 'parquet-unexpected-value',
    next: 'park',
    message: `Reading column ${node.path.join('.')} of a Parquet file: a value of type ${typeof value} does not fit its schema (${node.element.converted_type ?? node.element.type ?? 'group'}). The file was not written by Tidewater, or the reader has a defect.`,
  })
}
