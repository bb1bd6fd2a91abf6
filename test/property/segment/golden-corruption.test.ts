/** Any truncation or byte flip of a broker's segment yields a typed error or the same records. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/runtime/errors.ts'
import { walkRecordBatches } from '../../../shared/segment/record-batch.ts'
import { parseSegment } from '../../../shared/segment/segment-file.ts'
import { type Row, rowsOf } from '../../fakes/segment-rows.ts'
import { GOLDEN_FOLDER } from '../../interop/kafscale/manifest.ts'

/** A sample by default; `npm run test:long` takes every segment and many more places. */
const IS_LONG = process.env.TIDEWATER_TEST_LONG !== undefined
/** Larger ones hold a few large values and nothing else that the others lack, and are slow to read a thousand times. */
const MAX_BYTES = IS_LONG ? Number.POSITIVE_INFINITY : 16 * 1024
const RUNS = IS_LONG ? 20_000 : 500
const TIMEOUT_MS = 600_000

const SEGMENTS = readdirSync(GOLDEN_FOLDER, { recursive: true, encoding: 'utf8' })
  // What lies in `refused` is no segment that could be read to begin with.
  .filter(name => name.endsWith('.kfs') && name.startsWith('production'))
  .sort()
  .map(key => ({ key, bytes: new Uint8Array(readFileSync(join(GOLDEN_FOLDER, key))) }))
  .filter(({ bytes }) => bytes.byteLength <= MAX_BYTES)

function readOrRefuse(key: string, bytes: Uint8Array): Row[] | undefined {
  try {
    return rowsOf(bytes, { key })
  } catch (error) {
    if (error instanceof AppError && error.next === 'park' && error.message.includes(key)) return undefined
    throw error
  }
}

describe('golden segments', { timeout: TIMEOUT_MS }, () => {
  test('there are some', () => {
    expect(SEGMENTS.length).toBeGreaterThan(20)
  })

  test('a byte flipped anywhere gives a typed error or the same rows', () => {
    const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(
        fc.constantFrom(...SEGMENTS),
        place,
        fc.integer({ min: 1, max: 255 }),
        ({ key, bytes }, at, flip) => {
          const copy = bytes.slice()
          const position = Math.floor(at * bytes.byteLength)
          copy[position] = (bytes[position] ?? 0) ^ flip
          const read = readOrRefuse(key, copy)
          if (read !== undefined) expect(read).toEqual(rowsOf(bytes, { key }))
        },
      ),
      { numRuns: 2 * RUNS },
    )
  })

  test('the fields outside the checksum, flipped one by one, give a typed error or the same rows', () => {
    for (const { key, bytes } of SEGMENTS) {
      const rows = rowsOf(bytes, { key })
      const length = bytes.byteLength
      const outside = [...Array(32).keys(), ...Array.from({ length: 16 }, (_, i) => length - 16 + i)]
      for (const position of outside) {
        const copy = bytes.slice()
        copy[position] = (bytes[position] ?? 0) ^ 0x01
        const read = readOrRefuse(key, copy)
        // Flags, creation time and reserved bytes say nothing about records.
        const isInert = (position >= 6 && position < 8) || (position >= 20 && position < 32)
        expect(read !== undefined, `${key} byte ${position}`).toBe(isInert)
        if (read !== undefined) expect(read).toEqual(rows)
      }
    }
  })

  test('every truncation is refused', () => {
    const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.constantFrom(...SEGMENTS), place, ({ key, bytes }, at) => {
        expect(readOrRefuse(key, bytes.slice(0, Math.floor(at * bytes.byteLength)))).toBeUndefined()
      }),
      { numRuns: RUNS },
    )
  })

  test('compressed records of real clients, damaged and checksummed anew, never crash, hang or change their number', () => {
    const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    const patch = fc.uint8Array({ minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.constantFrom(...SEGMENTS), place, place, patch, ({ key, bytes }, which, at, patched) => {
        const copy = bytes.slice()
        const view = new DataView(copy.buffer)
        const headers = [...walkRecordBatches(bytes, parseSegment(bytes, { key }))]
        const header = headers[Math.floor(which * headers.length)]
        if (header === undefined) throw new Error(`${key} holds no batch`)
        const { position, recordsStart, endPosition } = header
        const from = recordsStart + Math.floor(at * (endPosition - recordsStart))
        copy.set(patched.subarray(0, endPosition - from), from)
        view.setUint32(position + 17, crc32c(copy.subarray(position + 21, endPosition)))
        view.setUint32(copy.byteLength - 16, crc32c(copy.subarray(32, -16)))
        const read = readOrRefuse(key, copy)
        if (read !== undefined) expect(read.length).toBe(rowsOf(bytes, { key }).length)
      }),
      { numRuns: RUNS },
    )
  })
})
