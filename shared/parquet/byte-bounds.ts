/**
 * Smallest and largest byte string of a leaf: string, binary, uuid and fixed. Part of `bounds.ts`, whose header names the twin.
 *
 * Bytes are compared in place, of strings and binaries at most the first 65: 16 code points take 64 bytes at most, so that one byte
 * more tells whether a bound was cut. A number made of the first bytes and the length decides nearly always, which takes 10-20 ns a
 * value where comparing byte by byte took 28, and 155 with a long common prefix.
 * `as number` after an index: see `bounds.ts`.
 */
import type { Bounds } from './bounds.ts'

/** Bytes of a string or binary that can matter to a bound truncated to 16 code points. */
const MAX_COMPARED_BYTES = 65

/** Byte strings in unsigned lexicographic order: of `width` bytes each, or of variable length and then cut. */
export function byteBounds(width: number | undefined): Bounds {
  let least: Uint8Array | undefined
  let most: Uint8Array | undefined
  return {
    add(column, validity) {
      const found =
        column.layout === 'variable'
          ? extremeRanges(column.values, column.offsets, 1, column.length, validity)
          : extremeRanges(column.data, undefined, width ?? 0, column.length, validity)
      if (found === undefined) return
      if (least === undefined || Buffer.compare(found.least, least) < 0) least = found.least.slice()
      if (most === undefined || Buffer.compare(found.most, most) > 0) most = found.most.slice()
    },
    result: () => ({ lower: least, upper: most, nans: 0 }),
  }
}

function extremeRanges(
  values: Uint8Array,
  offsets: Int32Array | undefined,
  width: number,
  slots: number,
  validity: Uint8Array | undefined,
): { readonly least: Uint8Array; readonly most: Uint8Array } | undefined {
  const bytes: ByteRanges = {
    values,
    view: new DataView(values.buffer, values.byteOffset, values.byteLength),
  }
  // Fixed-width values are compared whole: nothing of them is cut.
  const cap = offsets === undefined ? width : MAX_COMPARED_BYTES
  let leastStart = -1
  let leastLength = 0
  let leastKey = 0
  let mostStart = 0
  let mostLength = 0
  let mostKey = 0
  for (let i = 0; i < slots; i++) {
    if (validity !== undefined && ((validity[i >> 3] as number) & (1 << (i & 7))) === 0) continue
    const start = offsets === undefined ? i * width : (offsets[i] as number)
    const whole = offsets === undefined ? width : (offsets[i + 1] as number) - start
    const length = Math.min(whole, cap)
    const key =
      start + 4 <= values.length
        ? orderKey(bytes.view.getUint32(start), length)
        : lastKey(values, start, length)
    if (leastStart < 0) {
      leastStart = mostStart = start
      leastLength = mostLength = length
      leastKey = mostKey = key
      continue
    }
    if (leastStart === mostStart && leastLength === mostLength && key === leastKey) {
      // All alike so far, as in a column with one value: one comparison instead of two.
      const order = length > 4 ? compareRanges(bytes, start, length, leastStart, leastLength) : 0
      if (order < 0) {
        leastStart = start
        leastLength = length
      } else if (order > 0) {
        mostStart = start
        mostLength = length
      }
      continue
    }
    if (
      key < leastKey ||
      (length > 4 && key === leastKey && compareRanges(bytes, start, length, leastStart, leastLength) < 0)
    ) {
      leastStart = start
      leastLength = length
      leastKey = key
    }
    if (
      key > mostKey ||
      (length > 4 && key === mostKey && compareRanges(bytes, start, length, mostStart, mostLength) > 0)
    ) {
      mostStart = start
      mostLength = length
      mostKey = key
    }
  }
  if (leastStart < 0) return undefined
  return {
    least: values.subarray(leastStart, leastStart + leastLength),
    most: values.subarray(mostStart, mostStart + mostLength),
  }
}

interface ByteRanges {
  readonly values: Uint8Array
  readonly view: DataView
}

/**
 * A number that orders byte strings by their first four bytes and then by length up to five, which decides nearly always:
 * only two strings of equal key that are both longer than four bytes must be compared.
 */
function orderKey(fourBytes: number, length: number): number {
  if (length >= 4) return fourBytes * 8 + (length === 4 ? 4 : 5)
  return length === 0 ? 0 : ((fourBytes & (-1 << (32 - 8 * length))) >>> 0) * 8 + length
}

/** The same for values at the end of the buffer, where four bytes cannot be read. */
function lastKey(values: Uint8Array, start: number, length: number): number {
  let fourBytes = 0
  for (let i = 0; i < 4; i++) fourBytes = (fourBytes << 8) | (i < length ? (values[start + i] as number) : 0)
  return orderKey(fourBytes >>> 0, length)
}

function compareRanges(bytes: ByteRanges, a: number, aLength: number, b: number, bLength: number): number {
  const { values, view } = bytes
  const shared = Math.min(aLength, bLength)
  let i = 0
  while (i + 4 <= shared && view.getInt32(a + i) === view.getInt32(b + i)) i += 4
  for (; i < shared; i++) {
    const difference = (values[a + i] as number) - (values[b + i] as number)
    if (difference !== 0) return difference
  }
  return aLength - bLength
}
