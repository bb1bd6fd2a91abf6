/**
 * Keys of objects: their order, and which keys every store accepts.
 * The same keys are refused by every store, so that data moves between them and no key leads out of a store's folder.
 */
import { AppError } from '../runtime/errors.ts'

/** S3's limit for a key, in UTF-8 bytes; stores prepend their own prefix to it. */
export const MAX_KEY_BYTES = 1024

/** What is being written, and older files of that kind; a name that begins so is never listed and never accepted as part of a key. */
export const TEMPORARY_PREFIX = '.tidewater-tmp-'

/** Order of the UTF-8 bytes, as S3 lists. JavaScript's own order differs where surrogates meet U+E000-U+FFFF. */
export function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i)
    const b = right.charCodeAt(i)
    if (a !== b) return byteOrderOfCodeUnit(a) - byteOrderOfCodeUnit(b)
  }
  return left.length - right.length
}

/** Moves surrogates, which stand for code points from U+10000, behind all other code units. */
function byteOrderOfCodeUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

/** Throws `invalid-key` (park) unless `key` names an object: relative, without empty, `.` or `..` parts. */
export function assertKey(storeUrl: string, key: string): void {
  const problem = key === '' ? 'it is empty' : problemOfParts(key.split('/'), key)
  if (problem !== undefined) throw invalidKey(storeUrl, key, problem)
}

/** As `assertKey` for the prefix of a listing, whose last part may be cut anywhere. */
export function assertPrefix(storeUrl: string, prefix: string): void {
  const lastSlash = prefix.lastIndexOf('/')
  const folder = lastSlash < 0 ? '' : prefix.slice(0, lastSlash)
  const problem =
    lastSlash === 0
      ? 'it begins with a slash'
      : folder === ''
        ? problemOfText(prefix)
        : problemOfParts(folder.split('/'), prefix)
  if (problem !== undefined) throw invalidKey(storeUrl, prefix, problem)
}

function problemOfParts(parts: readonly string[], key: string): string | undefined {
  for (const part of parts) {
    if (part === '') return 'it has an empty part (a leading, trailing or doubled slash)'
    if (part === '.' || part === '..') return `it has the part "${part}", which could lead out of the store`
    if (part.startsWith(TEMPORARY_PREFIX)) return `parts that begin with "${TEMPORARY_PREFIX}" are reserved`
  }
  return problemOfText(key)
}

function problemOfText(key: string): string | undefined {
  if (key.includes('\0')) return 'it holds a NUL character'
  if (!key.isWellFormed()) return 'it is not valid Unicode'
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`
  return undefined
}

function invalidKey(storeUrl: string, key: string, problem: string): AppError {
  return new AppError({
    code: 'invalid-key',
    next: 'park',
    message: `The object key ${JSON.stringify(key.slice(0, 200))} below ${storeUrl} is not usable: ${problem}. Expected a relative key such as "orders/0/segment-00000000000000000000.kfs".`,
    details: { store: storeUrl, key: key.slice(0, 200) },
  })
}
