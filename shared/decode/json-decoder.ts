/**
 * The fast JSON decoder: a scanner generated from the schema and from the first records it sees, which writes bytes straight into
 * column buffers, no object per record. Whatever the scanner does not take is decoded by the plain twin (`json-decoder-simple.ts`), which
 * decides: the scanner only ever accepts what the twin accepts, with the same bytes in the columns, and the property tests hold
 * the two together.
 *
 * Measured on one core (`bench/decode.ts`) against JSON.parse and the twin: see docs/types.md.
 */
import type { RecordSlices } from '../segment/record-slices.ts'
import { generateScanner, type ScanObject } from './generate-scanner.ts'
import { createSimpleJsonDecoder, type JsonDecoderOptions } from './json-decoder-simple.ts'
import { learnKeys, type Sample } from './learn-keys.ts'
import type { RecordDecoder } from './record-decoder.ts'
import type { ScanState } from './scan-state.ts'

/** Records that the order of keys is learned from. */
const MAX_SAMPLES = 64
/** Learning again costs compilation, so it is done a few times at most, and not on the first odd records. */
const MAX_RELEARNS = 4
const RECORDS_BETWEEN_RELEARNS = 20_000
/** Keys looked up per record, above which the order of keys seems to have changed. A record in order takes none or one per object. */
const LOOKUPS_WORTH_RELEARNING = 4

export function createJsonDecoder(options: JsonDecoderOptions): RecordDecoder {
  const { builder, unknownFields } = options
  const simple = createSimpleJsonDecoder(options)
  let scanner: { scan: ScanObject; state: ScanState } | undefined
  let relearns = 0
  let recordsSinceLearning = 0

  function learn(slices: RecordSlices, from: number, to: number) {
    const learned = learnKeys(simple.members, samplesOf(slices, from, to))
    const { scan, environment } = generateScanner({ root: simple.members, learned, unknownFields })
    recordsSinceLearning = 0
    scanner = { scan, state: environment.state }
    return scanner
  }

  function needsLearning(): boolean {
    if (scanner === undefined) return true
    if (relearns >= MAX_RELEARNS || recordsSinceLearning < RECORDS_BETWEEN_RELEARNS) return false
    const isWorthIt = scanner.state.lookups > recordsSinceLearning * LOOKUPS_WORTH_RELEARNING
    recordsSinceLearning = 0
    scanner.state.lookups = 0
    if (isWorthIt) relearns++
    return isWorthIt
  }

  return {
    decode(slices, range, rowRecords, onFailure) {
      const { from, to } = range
      const { scan, state } = scanner === undefined || needsLearning() ? learn(slices, from, to) : scanner
      recordsSinceLearning += to - from
      const { valueStarts, valueEnds } = slices
      const bytes = plainBytes(slices.bytes)
      state.bytes = bytes
      state.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let row = range.row
      for (let i = from; i < to; i++) {
        const start = valueStarts[i] ?? -1
        const end = valueEnds[i] ?? -1
        if (start >= 0 && scanRecord(scan, state, start, end, row)) {
          rowRecords[row++ - range.row] = i
          continue
        }
        builder.truncate(row)
        const failure = simple.decodeRecord(bytes, { start, end }, row)
        if (failure === undefined) rowRecords[row++ - range.row] = i
        else onFailure(i, failure)
      }
      return row - range.row
    },
  }
}

function scanRecord(scan: ScanObject, state: ScanState, start: number, end: number, row: number): boolean {
  const { bytes } = state
  let first = start
  let last = end
  while (last > first && isSpace(bytes[last - 1])) last--
  while (first < last && isSpace(bytes[first])) first++
  if (bytes[first] !== 123) return false
  state.end = last
  return scan(first, row) === last
}

function isSpace(byte: number | undefined): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9
}

function plainBytes(bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes
}

/** Records spread over the range, so that a few odd ones at its beginning do not set the pattern. */
function samplesOf(slices: RecordSlices, from: number, to: number): Sample[] {
  const count = Math.min(MAX_SAMPLES, to - from)
  const bytes = plainBytes(slices.bytes)
  const samples: Sample[] = []
  for (let n = 0; n < count; n++) {
    const i = from + Math.floor((n * (to - from)) / count)
    const start = slices.valueStarts[i] ?? -1
    if (start >= 0) samples.push({ bytes, start, end: slices.valueEnds[i] ?? -1 })
  }
  return samples
}
