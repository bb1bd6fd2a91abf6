/** Makes and grows the reused arrays of `RecordSlices`. */
import type { RecordSlices } from './record-slices.ts'

const INITIAL_RECORDS = 1024

export function createRecordSlices(capacity: number = INITIAL_RECORDS): RecordSlices {
  return { bytes: new Uint8Array(0), byteLength: 0, count: 0, baseOffset: 0n, ...arraysFor(capacity) }
}

/** Room for `count` records. Growing leaves the new arrays empty: what was parsed before is gone. */
export function reserveRecords(slices: RecordSlices, count: number): void {
  if (slices.offsetDeltas.length >= count) return
  Object.assign(slices, arraysFor(count + (count >>> 2)))
}

function arraysFor(capacity: number) {
  return {
    offsetDeltas: new Int32Array(capacity),
    timestampsMs: new Float64Array(capacity),
    keyStarts: new Int32Array(capacity),
    keyEnds: new Int32Array(capacity),
    valueStarts: new Int32Array(capacity),
    valueEnds: new Int32Array(capacity),
    headerCounts: new Int32Array(capacity),
    headersStarts: new Int32Array(capacity),
    headersEnds: new Int32Array(capacity),
  }
}
