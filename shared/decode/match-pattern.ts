/** The expression by which generated code recognises an expected key. */

/** Longer patterns could be read past the padding. */
const MAX_UNCHECKED_PATTERN_BYTES = 56

/**
 * Compares the bytes at `p` with a pattern, eight or four at a time; the last comparison may overlap the one before. Eight bytes are
 * compared as a double: no two different ones are equal, because UTF-8 has neither the zero bytes of ±0 nor, checked here, those of NaN.
 */
export function matchPattern(pattern: Uint8Array): string {
  const { length } = pattern
  const view = new DataView(pattern.buffer, pattern.byteOffset, pattern.byteLength)
  const terms = length > MAX_UNCHECKED_PATTERN_BYTES ? [`p + ${length} <= s.end`] : []
  const compareWord = (at: number) => terms.push(`v.getInt32(p + ${at}, true) === ${view.getInt32(at, true)}`)
  let at = 0
  for (; at + 8 <= length; at += 8) {
    const double = view.getFloat64(at, true)
    if (Number.isFinite(double)) terms.push(`v.getFloat64(p + ${at}, true) === ${double}`)
    else {
      compareWord(at)
      compareWord(at + 4)
    }
  }
  if (length < 4) for (; at < length; at++) terms.push(`b[p + ${at}] === ${pattern[at]}`)
  if (at + 4 < length) compareWord(at)
  if (at < length) compareWord(length - 4)
  return terms.join(' && ')
}
