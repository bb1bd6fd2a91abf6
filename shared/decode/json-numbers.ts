/** Exact numbers from JSON number text: integers and decimals never pass through a double. */

/** The grammar of RFC 8259, section 6. */
const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/
const ZERO = 48

export interface ExactNumber {
  readonly negative: boolean
  /** Significant digits without leading or trailing zeros; empty for zero. The value is 0.digits × 10^pointAt, and pointAt may be infinite. */
  readonly digits: string
  readonly pointAt: number
}

export function isNumberText(text: string): boolean {
  return NUMBER.test(text)
}

/** Undefined when the text is no JSON number. */
export function exactNumber(text: string): ExactNumber | undefined {
  const match = NUMBER.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const all = whole + fraction
  let first = 0
  while (all.charCodeAt(first) === ZERO) first++
  let end = all.length
  while (end > first && all.charCodeAt(end - 1) === ZERO) end--
  const digits = all.slice(first, end)
  return {
    negative: sign === '-',
    digits,
    pointAt: digits === '' ? 0 : whole.length - first + Number(exponent),
  }
}

export type ScaledResult =
  | { readonly kind: 'exact'; readonly unscaled: bigint }
  | { readonly kind: 'too-precise' }
  | { readonly kind: 'too-large' }

/** The number × 10^scale as an integer of at most `maxDigits` digits. */
export function scaleExactly(number: ExactNumber, scale: number, maxDigits: number): ScaledResult {
  const { digits, pointAt, negative } = number
  if (digits === '') return { kind: 'exact', unscaled: 0n }
  if (pointAt + scale > maxDigits) return { kind: 'too-large' }
  if (digits.length > pointAt + scale) return { kind: 'too-precise' }
  const magnitude = BigInt(digits.padEnd(pointAt + scale, '0'))
  return { kind: 'exact', unscaled: negative ? -magnitude : magnitude }
}

/** The number × 10^scale, rounded down to an integer; undefined when that has more than `maxDigits` digits. */
export function scaleDown(number: ExactNumber, scale: number, maxDigits: number): bigint | undefined {
  const { digits, pointAt, negative } = number
  const kept = pointAt + scale
  if (kept > maxDigits) return undefined
  const hasRest = digits.length > Math.max(kept, 0)
  const magnitude = kept <= 0 ? 0n : BigInt(digits.slice(0, kept).padEnd(kept, '0'))
  if (!negative) return magnitude
  return hasRest ? -magnitude - 1n : -magnitude
}
