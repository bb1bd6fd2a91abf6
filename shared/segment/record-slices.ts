/**
 * The records of one decompressed batch as positions in its bytes: no object per record.
 * The arrays are reused between batches; only entries below `count` are meaningful.
 */
export interface RecordSlices {
  /** At least 64 readable bytes follow the last record in the same ArrayBuffer view. */
  bytes: Uint8Array
  /** Usable bytes: positions below point into `[0, byteLength)`; what follows is padding. */
  byteLength: number
  count: number
  /** Offset of the batch's first record slot; record i has offset `baseOffset + offsetDeltas[i]`. */
  baseOffset: bigint
  offsetDeltas: Int32Array
  /** Unix ms, already resolved for log-append time. */
  timestampsMs: Float64Array
  /** −1 for a null key. */
  keyStarts: Int32Array
  keyEnds: Int32Array
  /** −1 for a null value (a tombstone). */
  valueStarts: Int32Array
  valueEnds: Int32Array
  headerCounts: Int32Array
  /** Where the encoded headers begin and end: key length varint, key, value length varint (−1 null), value. */
  headersStarts: Int32Array
  headersEnds: Int32Array
}
