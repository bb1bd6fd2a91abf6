/**
 * Reads a file's footer and holds it against the Iceberg schema that the file claims to follow, before the file leaves this process:
 * a missing field id or a wrong annotation shows up elsewhere as a column of nulls, long after the offsets were committed.
 *
 * hyparquet does the reading: it shares no code with the writer.
 */
import { type FileMetaData, parquetMetadata, type SchemaElement } from 'hyparquet'
import type { IcebergType, NestedField, PrimitiveType, Schema } from '../iceberg/schema.ts'
import { AppError, unreachable } from '../runtime/errors.ts'
import { findFooter, malformedParquet } from './assemble-file.ts'

/** What committing and reading need to know from a footer. */
export interface FooterFacts {
  readonly recordCount: bigint
  /** Compressed bytes by leaf field id, over all row groups. */
  readonly columnSizes: ReadonlyMap<number, bigint>
  /** Starts of the row groups, ascending. */
  readonly splitOffsets: readonly bigint[]
}

/** Throws `parquet-malformed`. */
export function readParquetFooter(bytes: Uint8Array): FileMetaData {
  const footer = bytes.subarray(findFooter(bytes))
  try {
    return parquetMetadata(footer, { geoparquet: false })
  } catch (cause) {
    throw malformedParquet('a footer that cannot be read', bytes, cause)
  }
}

/**
 * Checks row count, names, field ids, REQUIRED, physical and logical types at every level, and that the column chunks lie in the file.
 * Throws `parquet-verification-failed` with the first difference.
 */
export function verifyParquetFile(bytes: Uint8Array, schema: Schema, expectedRows: bigint): FooterFacts {
  const metadata = readParquetFooter(bytes)
  same('rows in the footer', metadata.num_rows, expectedRows)
  const groupRows = metadata.row_groups.reduce((sum, group) => sum + group.num_rows, 0n)
  same('rows in the row groups', groupRows, expectedRows)
  verifyElements(metadata.schema, schema)
  return chunkFacts(metadata, findFooter(bytes))
}

function chunkFacts(metadata: FileMetaData, footerStart: number): FooterFacts {
  const leaves = metadata.schema.filter(element => element.type !== undefined)
  const columnSizes = new Map<number, bigint>()
  const splitOffsets: bigint[] = []
  let position = 4n
  for (const group of metadata.row_groups) {
    same('column chunks of a row group', group.columns.length, leaves.length)
    splitOffsets.push(position)
    for (const [index, chunk] of group.columns.entries()) {
      const facts = chunk.meta_data
      if (facts === undefined) throw mismatch('metadata of a column chunk', 'none', 'some')
      // Row groups and chunks are written back to back, so that each must begin where the one before ends.
      const start = facts.dictionary_page_offset ?? facts.data_page_offset
      same(`start of column chunk ${facts.path_in_schema.join('.')}`, start, position)
      position += facts.total_compressed_size
      const fieldId = leaves[index]?.field_id ?? 0
      columnSizes.set(fieldId, (columnSizes.get(fieldId) ?? 0n) + facts.total_compressed_size)
    }
  }
  verifyIndexes(metadata, position, BigInt(footerStart))
  return { recordCount: metadata.num_rows, columnSizes, splitOffsets }
}

/** Behind the chunks come the column indexes, then the offset indexes, then the footer, without a gap. */
function verifyIndexes(metadata: FileMetaData, chunksEnd: bigint, footerStart: bigint): void {
  let position = chunksEnd
  const chunks = metadata.row_groups.flatMap(group => group.columns)
  const place = (what: string, offset: bigint | undefined, length: number | undefined): void => {
    if (offset === undefined || length === undefined) return
    same(`start of a ${what} index`, offset, position)
    position += BigInt(length)
  }
  for (const chunk of chunks) place('column', chunk.column_index_offset, chunk.column_index_length)
  for (const chunk of chunks) place('offset', chunk.offset_index_offset, chunk.offset_index_length)
  same('start of the footer', footerStart, position)
}

/** The facts of one element that a reader depends on, as text for comparison and for the message. */
interface ExpectedElement {
  readonly name: string
  readonly facts: string
}

function verifyElements(elements: readonly SchemaElement[], schema: Schema): void {
  const expected = [...expectedElements(schema)]
  // The first element is the root, whose name and repetition carry no meaning.
  same('schema elements', elements.length - 1, expected.length)
  same('top-level columns', elements[0]?.num_children, schema.fields.length)
  for (const [index, want] of expected.entries()) {
    const element = elements[index + 1]
    same(`name of schema element ${index + 1}`, element?.name, want.name)
    if (element !== undefined) same(`schema element ${want.name}`, describeElement(element), want.facts)
  }
}

function* expectedElements(schema: Schema): Generator<ExpectedElement> {
  for (const field of schema.fields) yield* fieldElements(field)
}

function fieldElements(field: NestedField): Generator<ExpectedElement> {
  return typeElements(field.name, field.id, field.required ? 'REQUIRED' : 'OPTIONAL', field.type)
}

function* typeElements(
  name: string,
  id: number,
  repetition: string,
  type: IcebergType,
): Generator<ExpectedElement> {
  switch (type.kind) {
    case 'struct':
      yield { name, facts: facts({ id, repetition, children: type.fields.length }) }
      for (const field of type.fields) yield* fieldElements(field)
      return
    case 'list':
      yield { name, facts: facts({ id, repetition, children: 1, logical: 'LIST' }) }
      yield { name: 'list', facts: facts({ repetition: 'REPEATED', children: 1 }) }
      return yield* typeElements(
        'element',
        type.elementId,
        type.elementRequired ? 'REQUIRED' : 'OPTIONAL',
        type.element,
      )
    case 'map':
      yield { name, facts: facts({ id, repetition, children: 1, logical: 'MAP' }) }
      yield { name: 'key_value', facts: facts({ repetition: 'REPEATED', children: 2 }) }
      yield* typeElements('key', type.keyId, 'REQUIRED', type.key)
      return yield* typeElements(
        'value',
        type.valueId,
        type.valueRequired ? 'REQUIRED' : 'OPTIONAL',
        type.value,
      )
    default:
      yield { name, facts: facts({ id, repetition, ...physicalFacts(type) }) }
  }
}

interface ElementFacts {
  readonly id?: number | undefined
  readonly repetition: string | undefined
  readonly children?: number | undefined
  readonly physical?: string | undefined
  readonly length?: number | undefined
  readonly logical?: string | undefined
}

function facts(element: ElementFacts): string {
  const { id, repetition, children, physical, length, logical } = element
  return [
    `id ${id ?? 'none'}`,
    repetition,
    ...(children === undefined ? [] : [`${children} children`]),
    ...(physical === undefined ? [] : [length === undefined ? physical : `${physical}(${length})`]),
    ...(logical === undefined ? [] : [logical]),
  ].join(' ')
}

/** Physical and logical type by Iceberg's appendix A, "Parquet". */
function physicalFacts(type: PrimitiveType): Pick<ElementFacts, 'physical' | 'length' | 'logical'> {
  switch (type.kind) {
    case 'boolean':
      return { physical: 'BOOLEAN' }
    case 'int':
      return { physical: 'INT32' }
    case 'long':
      return { physical: 'INT64' }
    case 'float':
      return { physical: 'FLOAT' }
    case 'double':
      return { physical: 'DOUBLE' }
    case 'decimal': {
      const logical = `DECIMAL(${type.precision},${type.scale})`
      // parquet-rs stores the single-digit decimal as int64, which Parquet allows and readers take from the file.
      if (type.precision === 1) return { physical: 'INT64', logical }
      if (type.precision <= 9) return { physical: 'INT32', logical }
      if (type.precision <= 18) return { physical: 'INT64', logical }
      return { physical: 'FIXED_LEN_BYTE_ARRAY', length: minimalDecimalBytes(type.precision), logical }
    }
    case 'date':
      return { physical: 'INT32', logical: 'DATE' }
    case 'time':
      return { physical: 'INT64', logical: 'TIME(MICROS)' }
    case 'timestamp':
      return { physical: 'INT64', logical: 'TIMESTAMP(MICROS,local)' }
    case 'timestamptz':
      return { physical: 'INT64', logical: 'TIMESTAMP(MICROS,utc)' }
    case 'string':
      return { physical: 'BYTE_ARRAY', logical: 'STRING' }
    case 'uuid':
      return { physical: 'FIXED_LEN_BYTE_ARRAY', length: 16, logical: 'UUID' }
    case 'fixed':
      return { physical: 'FIXED_LEN_BYTE_ARRAY', length: type.length }
    case 'binary':
      return { physical: 'BYTE_ARRAY' }
    default:
      return unreachable(type)
  }
}

/** The fewest bytes whose two's complement holds every value of that many digits. */
export function minimalDecimalBytes(precision: number): number {
  let bytes = 1
  while (2n ** BigInt(8 * bytes - 1) < 10n ** BigInt(precision)) bytes++
  return bytes
}

function describeElement(element: SchemaElement): string {
  return facts({
    id: element.field_id,
    repetition: element.repetition_type,
    children: element.num_children || undefined,
    physical: element.type,
    length: element.type === 'FIXED_LEN_BYTE_ARRAY' ? element.type_length : undefined,
    logical: describeLogical(element),
  })
}

function describeLogical(element: SchemaElement): string | undefined {
  const logical = element.logical_type
  switch (logical?.type) {
    case undefined:
      return element.converted_type
    case 'DECIMAL':
      return `DECIMAL(${logical.precision},${logical.scale})`
    case 'TIME':
      return `TIME(${logical.unit})`
    case 'TIMESTAMP':
      return `TIMESTAMP(${logical.unit},${logical.isAdjustedToUTC ? 'utc' : 'local'})`
    default:
      return logical?.type
  }
}

function same(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw mismatch(what, found, expected)
}

function mismatch(what: string, found: unknown, expected: unknown): AppError {
  return new AppError({
    code: 'parquet-verification-failed',
    next: 'fatal',
    message:
      `Checking a Parquet file before upload: ${what}: expected ${String(expected)}, found ${String(found)}. ` +
      'The file was not uploaded. This is a defect in Tidewater; please report it.',
    details: { what, expected: String(expected), found: String(found) },
  })
}
