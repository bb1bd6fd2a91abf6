/** Decoding alone: JSON bytes to column buffers, MB/s of values on one thread, beside the plain twin and bare JSON.parse. */
import { createArena } from '../shared/columns/arena.ts'
import { createBatchBuilder } from '../shared/columns/batch-builder.ts'
import { createJsonDecoder } from '../shared/decode/json-decoder.ts'
import { createSimpleJsonDecoder } from '../shared/decode/json-decoder-simple.ts'
import type { RecordDecoder } from '../shared/decode/record-decoder.ts'
import type { RecordSlices } from '../shared/segment/record-slices.ts'
import { createRecordSlices, reserveRecords } from '../shared/segment/record-slices-buffer.ts'
import { flatOrders, nestedEvents, type Shape, wideRecords } from './shapes.ts'

export interface DecodeFigure {
  readonly shape: string
  readonly columns: number
  readonly bytes_per_record: number
  readonly mb_per_s: number
  readonly plain_twin_mb_per_s: number
  readonly json_parse_mb_per_s: number
}

const ROUNDS = 7
const WARM_UP_ROUNDS = 3
const CHUNK_RECORDS = 2048
export interface DecodeBenchOptions {
  readonly bytesPerShape?: number
}

export function benchDecode({ bytesPerShape = 32 * 1024 * 1024 }: DecodeBenchOptions = {}): DecodeFigure[] {
  const countFor = (bytesPerRecord: number) => Math.ceil(bytesPerShape / bytesPerRecord)
  const shapes: [string, Shape][] = [
    ['flat', flatOrders(countFor(360), 1)],
    ['nested', nestedEvents(countFor(1400), 1)],
    ...[1, 10, 25, 50, 100, 200, 500].map((width): [string, Shape] => [
      `wide-${width}`,
      wideRecords(countFor(33 * width), width, 1),
    ]),
  ]
  return shapes.map(([name, shape]) => figureOf(name, shape))
}

function figureOf(name: string, { schema, values }: Shape): DecodeFigure {
  const slices = slicesOf(values)
  const megabytes = slices.byteLength / 1e6
  const rate = (seconds: number) => Math.round(megabytes / seconds)
  const options = { fieldOptions: new Map(), unknownFields: 'ignore' } as const
  const decode = (make: typeof createJsonDecoder) => {
    const builder = createBatchBuilder(schema.fields, createArena())
    const decoder: RecordDecoder = make({ ...options, builder })
    const rowRecords = new Int32Array(CHUNK_RECORDS)
    return () => {
      builder.reset()
      let row = 0
      for (let from = 0; from < slices.count; from += CHUNK_RECORDS) {
        const to = Math.min(from + CHUNK_RECORDS, slices.count)
        builder.ensureRows(row + to - from)
        row += decoder.decode(slices, { from, to, row }, rowRecords, (_, failure) => {
          throw new Error(failure.message)
        })
      }
    }
  }
  const parse = () => {
    const text = new TextDecoder()
    for (const value of values) JSON.parse(text.decode(value))
  }
  return {
    shape: name,
    columns: schema.fields.length,
    bytes_per_record: Math.round(slices.byteLength / slices.count),
    mb_per_s: rate(medianSeconds(decode(createJsonDecoder), ROUNDS)),
    plain_twin_mb_per_s: rate(medianSeconds(decode(createSimpleJsonDecoder), 1)),
    json_parse_mb_per_s: rate(medianSeconds(parse, 1)),
  }
}

function medianSeconds(run: () => void, rounds: number): number {
  for (let i = 0; i < Math.min(WARM_UP_ROUNDS, rounds); i++) run()
  const seconds = Array.from({ length: rounds }, () => {
    const start = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1e6
  })
  return seconds.toSorted((a, b) => a - b)[rounds >> 1] ?? 0
}

/** The values one after another, as a decompressed batch holds them. */
export function slicesOf(values: readonly Uint8Array[]): RecordSlices {
  const slices = createRecordSlices()
  reserveRecords(slices, values.length)
  const byteLength = values.reduce((sum, value) => sum + value.length, 0)
  slices.bytes = new Uint8Array(byteLength + 64)
  slices.byteLength = byteLength
  slices.count = values.length
  let at = 0
  for (const [i, value] of values.entries()) {
    slices.bytes.set(value, at)
    slices.valueStarts[i] = at
    at += value.length
    slices.valueEnds[i] = at
    slices.keyStarts[i] = -1
    slices.offsetDeltas[i] = i
  }
  return slices
}

if (import.meta.main) console.table(benchDecode())
