/**
 * The fast JSON decoder: a scanner generated from the schema and from the first records it sees, which writes bytes straight into
 * column buffers, no object per record. Whatever the scanner does not take is decoded by the plain twin (`json-decoder-simple.ts`), which
 * decides: the scanner only ever accepts what the twin accepts, with the same bytes in the columns, and the property tests hold
 * the two together.
 *
 * Measured (`bench/decode.ts`; a busy two-core machine, so read them as ratios): 530 MB/s for flat orders and 515 for nested events, where
 * the twin made 26 and 50, and JSON.parse alone, with no columns, 190 and 220. From 1 to 200 columns it stays within 420 to 490, and at 500 it is above 300.
 */
import type { RecordSlices } from '../segment/record-slices.ts'
import { generateScanner, type Scanner } from './generate-scanner.ts'
import { createSimpleJsonDecoder, type JsonDecoderOptions } from './json-decoder-simple.ts'
import { learnKeys, type Sample } from './learn-keys.ts'
import type { RecordDecoder } from './record-decoder.ts'

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
  let scanner: Scanner | undefined
  let relearns = 0
  let recordsSinceLearning = 0

  function learn(slices: RecordSlices, from: number, to: number) {
    const learned = learnKeys(simple.members, samplesOf(slices, from, to))
    recordsSinceLearning = 0
    scanner = generateScanner({ root: simple.members, learned, unknownFields })
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
      const current = scanner === undefined || needsLearning() ? learn(slices, from, to) : scanner
      recordsSinceLearning += to - from
      const bytes = plainBytes(slices.bytes)
      current.state.bytes = bytes
      current.state.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let row = range.row
      for (let i = from; i < to; i++) {
        const stopped = scanRun(current, slices, { i, to, row, firstRow: range.row }, rowRecords)
        row += stopped - i
        i = stopped
        if (i === to) break
        builder.truncate(row)
        const value = { start: slices.valueStarts[i] ?? -1, end: slices.valueEnds[i] ?? -1 }
        const failure = simple.decodeRecord(bytes, value, row)
        if (failure === undefined) rowRecords[row++ - range.row] = i
        else onFailure(i, failure)
      }
      return row - range.row
    },
  }
}

interface Run {
  readonly i: number
  readonly to: number
  readonly row: number
  readonly firstRow: number
}

/**
 * Scans records from `i` on and returns the first that the scanner does not take, or `to`. A function of its own with nothing after its
 * loop: V8 replaces it in the middle of the loop, and went back to slow code for each batch when the loop stood in `decode`.
 */
function scanRun({ scan, state }: Scanner, slices: RecordSlices, run: Run, rowRecords: Int32Array): number {
  const { bytes } = state
  const { valueStarts, valueEnds } = slices
  const { to } = run
  let { i, row } = run
  let added = row - run.firstRow
  for (; i < to; i++, row++) {
    let first = valueStarts[i] ?? -1
    let last = valueEnds[i] ?? -1
    if (first < 0) return i
    while (last > first && isSpace(bytes[last - 1])) last--
    while (first < last && isSpace(bytes[first])) first++
    state.end = last
    if (bytes[first] !== 123 || scan(first, row) !== last) return i
    rowRecords[added++] = i
  }
  return i
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
