/** What the batch decoder asks of a format: records of one batch become rows of a builder. */
import type { RecordSlices } from '../segment/record-slices.ts'
import type { OnRecordFailure } from './record-failure.ts'

export interface DecodeRange {
  /** First record, inclusive. */
  readonly from: number
  /** End record, exclusive. */
  readonly to: number
  /** The row that the first good record becomes; there is room for a row per record. */
  readonly row: number
}

export interface RecordDecoder {
  /**
   * Decodes records in order and returns the number of rows added. `rowRecords[i]` becomes the record of the i-th added row.
   * A record that fails is reported and leaves nothing behind.
   */
  decode(slices: RecordSlices, range: DecodeRange, rowRecords: Int32Array, onFailure: OnRecordFailure): number
}
