/**
 * The one JSON codec for values with 64-bit integers: metadata files, snapshot summaries, table declarations.
 *
 * Writing: a `bigint` becomes a JSON integer with all its digits, keys keep the order that the caller gave, nothing is added.
 * Reading: an integer literal beyond ±(2^53 − 1) becomes a `bigint`, every other number a `number`. Whoever wants a `bigint` always
 * (snapshot ids, sequence numbers) widens small ones, as `exactInteger` does.
 */
import { AppError } from '../runtime/errors.ts'

export type ExactJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly ExactJson[]
  | { readonly [key: string]: ExactJson | undefined }

/** Node has `JSON.rawJSON` and the reviver's `context.source`; TypeScript's library does not describe them yet. */
interface ExactJsonFunctions {
  rawJSON(text: string): unknown
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
}
const exactFunctions = JSON as unknown as ExactJsonFunctions

const INTEGER_LITERAL = /^-?\d+$/

export function stringifyExactJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? exactFunctions.rawJSON(inner.toString()) : inner,
  )
}

/** Throws `json-malformed`; `what` names the object in the message, for example a key. */
export function parseExactJson(text: string, what: string): unknown {
  try {
    return exactFunctions.parse(text, (_key, value, context) =>
      typeof value === 'number' &&
      !Number.isSafeInteger(value) &&
      context.source !== undefined &&
      INTEGER_LITERAL.test(context.source)
        ? BigInt(context.source)
        : value,
    )
  } catch (cause) {
    throw new AppError({
      code: 'json-malformed',
      next: 'park',
      message: `Reading ${what}: expected JSON, found text that does not parse (${String(cause)}). The object is damaged or was not written by an Iceberg writer.`,
      details: { object: what },
      cause,
    })
  }
}

/** An integer of either width as a bigint; `undefined` when the value is not an integer. */
export function exactInteger(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined
}
