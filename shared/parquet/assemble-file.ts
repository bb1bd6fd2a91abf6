/**
 * Joins complete Parquet files of one schema, each a few row groups, into one file without touching a page.
 *
 * parquet-wasm's synchronous writer wants a whole table at once, and its streaming writer swallows errors. So every row group is
 * written as a file of its own and joined here: memory is bounded by one row group, and every error surfaces where it happens.
 * Joining moves bytes; what holds absolute positions is shifted: the footer's offsets, and the page locations of the offset indexes.
 *
 * Layout (Parquet format, "File Format"): magic, row groups, column indexes, offset indexes, footer, its length, magic.
 * The footer's key-value metadata is dropped: it is a copy of the Arrow schema, which doubles the footer of a small file and says
 * nothing that the Parquet schema does not say.
 */
import { AppError, invariant } from '../runtime/errors.ts'
import { readThriftStruct, type ThriftFields, type ThriftValue, writeThriftStruct } from './thrift-compact.ts'
import { annotateUuids, uuidLeaves, withoutBounds } from './uuid-annotation.ts'

export const MAGIC = Uint8Array.of(0x50, 0x41, 0x52, 0x31)
const TAIL_BYTES = 8
/** `RowGroup.ordinal` is an i16. */
const MAX_ROW_GROUPS = 32_767

const FILE = { schema: 2, numRows: 3, rowGroups: 4, keyValueMetadata: 5 } as const
export const ROW_GROUP = { columns: 1, fileOffset: 5, totalCompressedSize: 6, ordinal: 7 } as const
export const CHUNK = {
  fileOffset: 2,
  metaData: 3,
  offsetIndexOffset: 4,
  offsetIndexLength: 5,
  columnIndexOffset: 6,
  columnIndexLength: 7,
} as const
const COLUMN_OFFSETS = { dataPage: 9, indexPage: 10, dictionaryPage: 11, bloomFilter: 14 } as const
export const OFFSET_INDEX = { pageLocations: 1 } as const
export const PAGE_LOCATION = { offset: 1, compressedPageSize: 2 } as const

/** A small Parquet file taken apart. */
export interface FilePart {
  /** The row groups' bytes, without magic, indexes and footer. */
  readonly data: Uint8Array
  readonly footer: ThriftFields
  readonly rowGroups: readonly PartRowGroup[]
}

export interface PartRowGroup {
  readonly fields: ThriftFields
  readonly chunks: readonly PartChunk[]
}

export interface PartChunk {
  readonly fields: ThriftFields
  readonly columnIndex: Uint8Array | undefined
  readonly offsetIndex: Uint8Array | undefined
}

/** Takes a complete Parquet file apart; the part's bytes are views of `bytes`. */
export function takeApart(bytes: Uint8Array): FilePart {
  const footerStart = findFooter(bytes)
  const footer = readThriftStruct(bytes.subarray(footerStart, bytes.length - TAIL_BYTES))
  let dataEnd = footerStart
  const rowGroups = structs(footer.get(FILE.rowGroups)).map(fields => ({
    fields,
    chunks: structs(fields.get(ROW_GROUP.columns)).map(chunk => {
      const columnIndex = indexBytes(bytes, chunk, CHUNK.columnIndexOffset, CHUNK.columnIndexLength)
      const offsetIndex = indexBytes(bytes, chunk, CHUNK.offsetIndexOffset, CHUNK.offsetIndexLength)
      for (const index of [columnIndex, offsetIndex]) {
        if (index !== undefined) dataEnd = Math.min(dataEnd, index.byteOffset - bytes.byteOffset)
      }
      return { fields: chunk, columnIndex, offsetIndex }
    }),
  }))
  return { data: bytes.subarray(MAGIC.length, dataEnd), footer, rowGroups }
}

/** The byte offset at which the footer's metadata begins. Throws `parquet-malformed`. */
export function findFooter(bytes: Uint8Array): number {
  const end = bytes.length - TAIL_BYTES
  const magic = bytes.subarray(end + 4)
  if (end < MAGIC.length || !MAGIC.every((byte, i) => magic[i] === byte))
    throw malformedParquet('no PAR1 at the end', bytes)
  const length = new DataView(bytes.buffer, bytes.byteOffset + end, 4).getUint32(0, true)
  if (length > end - MAGIC.length) throw malformedParquet(`a footer of ${length} bytes`, bytes)
  return end - length
}

/** One file with the row groups of all parts in order, made right for UUIDs in the fields whose ids are given (`uuid-annotation.ts`). */
export function assembleFile(
  parts: readonly FilePart[],
  uuidFieldIds: ReadonlySet<number>,
): Uint8Array<ArrayBuffer> {
  const first = parts[0]
  invariant(first !== undefined, 'a Parquet file needs at least one row group')
  const bases = partBases(parts)
  const tail = placeIndexes(parts, bases, uuidLeaves(first.footer.get(FILE.schema), uuidFieldIds))
  invariant(tail.rowGroups.length <= MAX_ROW_GROUPS, `a Parquet file of ${tail.rowGroups.length} row groups`)

  const footer = new Map(first.footer)
  footer.set(FILE.schema, annotateUuids(footer.get(FILE.schema), uuidFieldIds))
  footer.set(FILE.numRows, {
    kind: 'i64',
    value: parts.reduce((sum, part) => sum + i64(part.footer, FILE.numRows), 0n),
  })
  footer.set(FILE.rowGroups, structList(tail.rowGroups))
  footer.delete(FILE.keyValueMetadata)
  const footerBytes = writeThriftStruct(footer)
  const footerLength = new Uint8Array(4)
  new DataView(footerLength.buffer).setUint32(0, footerBytes.length, true)

  return concat([MAGIC, ...parts.map(part => part.data), ...tail.indexes, footerBytes, footerLength, MAGIC])
}

/** Where each part's data begins in the joined file. */
function partBases(parts: readonly FilePart[]): number[] {
  const bases: number[] = []
  let at = MAGIC.length
  for (const part of parts) {
    bases.push(at)
    at += part.data.length
  }
  bases.push(at)
  return bases
}

/** Shifts every row group to its place and lays the indexes out behind the data: column indexes first, then offset indexes. */
function placeIndexes(
  parts: readonly FilePart[],
  bases: readonly number[],
  uuids: ReadonlySet<number>,
): { readonly rowGroups: readonly ThriftFields[]; readonly indexes: readonly Uint8Array[] } {
  const rowGroups: ThriftFields[] = []
  const columnIndexes: Uint8Array[] = []
  const offsetIndexes: Uint8Array[] = []
  const allChunks = parts.flatMap(part => part.rowGroups.flatMap(group => group.chunks))
  let columnIndexAt = bases[parts.length] ?? 0
  let offsetIndexAt =
    columnIndexAt + allChunks.reduce((sum, chunk) => sum + (chunk.columnIndex?.length ?? 0), 0)

  for (const [index, part] of parts.entries()) {
    const shift = BigInt((bases[index] ?? 0) - MAGIC.length)
    for (const group of part.rowGroups) {
      const columns = group.chunks.map((chunk, leaf) => {
        const fields = shiftChunk(chunk.fields, shift, uuids.has(leaf))
        if (chunk.columnIndex !== undefined) {
          fields.set(CHUNK.columnIndexOffset, { kind: 'i64', value: BigInt(columnIndexAt) })
          columnIndexes.push(chunk.columnIndex)
          columnIndexAt += chunk.columnIndex.length
        }
        if (chunk.offsetIndex !== undefined) {
          const shifted = shiftOffsetIndex(chunk.offsetIndex, shift)
          fields.set(CHUNK.offsetIndexOffset, { kind: 'i64', value: BigInt(offsetIndexAt) })
          fields.set(CHUNK.offsetIndexLength, { kind: 'int', wire: 'i32', value: shifted.length })
          offsetIndexes.push(shifted)
          offsetIndexAt += shifted.length
        }
        return fields
      })
      const fields = new Map(group.fields)
      shiftField(fields, ROW_GROUP.fileOffset, shift)
      fields.set(ROW_GROUP.columns, structList(columns))
      fields.set(ROW_GROUP.ordinal, { kind: 'int', wire: 'i16', value: rowGroups.length })
      rowGroups.push(fields)
    }
  }
  return { rowGroups, indexes: [...columnIndexes, ...offsetIndexes] }
}

function shiftChunk(chunk: ThriftFields, shift: bigint, dropBounds: boolean): Map<number, ThriftValue> {
  const fields = new Map(chunk)
  shiftField(fields, CHUNK.fileOffset, shift)
  const metaData = fields.get(CHUNK.metaData)
  invariant(metaData?.kind === 'struct', 'a column chunk without metadata')
  const shifted = dropBounds ? withoutBounds(metaData.fields) : new Map(metaData.fields)
  for (const id of Object.values(COLUMN_OFFSETS)) shiftField(shifted, id, shift)
  fields.set(CHUNK.metaData, { kind: 'struct', fields: shifted })
  return fields
}

/** Adds to an offset that is there; 0 stands for "not set" in the deprecated ones. */
function shiftField(fields: Map<number, ThriftValue>, id: number, shift: bigint): void {
  const value = fields.get(id)
  if (value?.kind === 'i64' && value.value > 0n) fields.set(id, { kind: 'i64', value: value.value + shift })
}

function shiftOffsetIndex(bytes: Uint8Array, shift: bigint): Uint8Array {
  const index = new Map(readThriftStruct(bytes))
  const locations = structs(index.get(OFFSET_INDEX.pageLocations)).map(location => {
    const fields = new Map(location)
    shiftField(fields, PAGE_LOCATION.offset, shift)
    return fields
  })
  index.set(OFFSET_INDEX.pageLocations, structList(locations))
  return writeThriftStruct(index)
}

function indexBytes(
  bytes: Uint8Array,
  chunk: ThriftFields,
  offsetId: number,
  lengthId: number,
): Uint8Array | undefined {
  const offset = chunk.get(offsetId)
  const length = chunk.get(lengthId)
  if (offset?.kind !== 'i64' || length?.kind !== 'int') return undefined
  return bytes.subarray(Number(offset.value), Number(offset.value) + length.value)
}

export function structs(value: ThriftValue | undefined): ThriftFields[] {
  invariant(value?.kind === 'list', 'a list where Parquet metadata has one')
  return value.items.map(item => {
    invariant(item.kind === 'struct', 'a struct where Parquet metadata has one')
    return item.fields
  })
}

export function structList(items: readonly ThriftFields[]): ThriftValue {
  return { kind: 'list', elementCode: 12, items: items.map(fields => ({ kind: 'struct', fields })) }
}

function i64(fields: ThriftFields, id: number): bigint {
  const value = fields.get(id)
  invariant(value?.kind === 'i64', `field ${id} of Parquet metadata as a 64-bit integer`)
  return value.value
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

export function malformedParquet(found: string, bytes: Uint8Array, cause?: unknown): AppError {
  return new AppError({
    code: 'parquet-malformed',
    next: 'park',
    message: `Reading a Parquet file of ${bytes.length} bytes: found ${found}. It is damaged, cut short or not a Parquet file.`,
    details: { sizeBytes: bytes.length },
    cause,
  })
}
