/**
 * The column buffers that decoders fill and writers read: Arrow's layout over plain typed arrays.
 *
 * All buffers of a batch come from one padded arena (`arena.ts`), so that the memory behind them can later be WebAssembly's.
 * Validity bitmaps are LSB first, bit set = value present; they are always kept, also for required fields.
 * A null slot holds zero bytes (or an empty range), so that equal batches have equal bytes.
 */
import type {
  IcebergType,
  ListType,
  MapType,
  NestedField,
  PrimitiveType,
  StructType,
} from '../iceberg/schema.ts'

interface ColumnBase<T extends IcebergType> {
  /** Iceberg field id of this column (for list elements, map keys and map values: their own ids). */
  readonly fieldId: number
  readonly name: string
  readonly required: boolean
  readonly type: T
  /** Slots in use: rows of the batch, or elements where the column is inside a list or map. */
  length: number
  nullCount: number
  validity: Uint8Array
}

/**
 * Fixed-width values. `data` is, by type:
 * boolean: one bit per slot, LSB first; int, date: 4 bytes; long, time, timestamp, timestamptz: 8; float: 4; double: 8;
 * decimal: 16 bytes (128-bit two's complement); uuid: 16 bytes big-endian; fixed: `length` bytes. Integers are little-endian.
 */
export interface FixedWidthColumn extends ColumnBase<Exclude<PrimitiveType, { kind: 'string' | 'binary' }>> {
  readonly layout: 'fixed'
  data: Uint8Array
}

/** string (valid UTF-8) and binary: slot i is `values[offsets[i] .. offsets[i + 1])`. */
export interface VariableColumn extends ColumnBase<Extract<PrimitiveType, { kind: 'string' | 'binary' }>> {
  readonly layout: 'variable'
  offsets: Int32Array
  values: Uint8Array
}

export interface StructColumn extends ColumnBase<StructType> {
  readonly layout: 'struct'
  readonly children: readonly Column[]
}

/** Slot i is the elements `offsets[i] .. offsets[i + 1]` of `element`. */
export interface ListColumn extends ColumnBase<ListType> {
  readonly layout: 'list'
  offsets: Int32Array
  readonly element: Column
}

/** Slot i is the entries `offsets[i] .. offsets[i + 1]` of `key` and `value`. */
export interface MapColumn extends ColumnBase<MapType> {
  readonly layout: 'map'
  offsets: Int32Array
  readonly key: Column
  readonly value: Column
}

export type Column = FixedWidthColumn | VariableColumn | StructColumn | ListColumn | MapColumn

/** Rows of one table schema, column by column. Every top-level column has `length === rowCount`. */
export interface ColumnBatch {
  readonly fields: readonly NestedField[]
  readonly columns: readonly Column[]
  readonly rowCount: number
  /** Bytes in use in all buffers; what memory limits count. */
  readonly sizeBytes: number
}
