/** The record key that `--key <path>` takes from each JSON line: `order_id`, `customer.id`, `items.0.sku`. */
import { AppError } from '../../shared/runtime/errors.ts'

export type KeyOfLine = (line: Uint8Array, lineNumber: number) => Uint8Array | null

const utf8 = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/**
 * Strings give their text, numbers and booleans their JSON text as written, an explicit null gives a null key.
 * Errors: `land-line-not-json`, `land-key-missing`, `land-key-not-scalar`, each with the line's number.
 */
export function keyOfLineAt(path: string): KeyOfLine {
  const steps = path.replace(/^\$\./, '').split('.')
  return (line, lineNumber) => {
    const refuse = (code: string, expected: string, found: string) =>
      new AppError({
        code,
        next: 'fatal',
        message: `Taking the key ${path} of line ${lineNumber}: expected ${expected}, found ${found}. Correct the line or the path given as --key.`,
        details: { lineNumber, keyPath: path },
      })
    let value: unknown
    try {
      value = JSON.parse(utf8.decode(line), keepNumberText)
    } catch (cause) {
      throw refuse('land-line-not-json', 'JSON', cause instanceof Error ? cause.message : String(cause))
    }
    for (const step of steps) {
      const isHolder = typeof value === 'object' && value !== null && !(value instanceof NumberText)
      if (!isHolder || !Object.hasOwn(value as object, step)) {
        throw refuse('land-key-missing', 'a value there', `nothing at ${step}`)
      }
      // An object's own property, as just checked; its type is looked at below.
      value = (value as Record<string, unknown>)[step]
    }
    if (value === null) return null
    if (value instanceof NumberText) return encoder.encode(value.text)
    if (typeof value === 'string') return encoder.encode(value)
    if (typeof value === 'boolean') return encoder.encode(`${value}`)
    throw refuse('land-key-not-scalar', 'a string, number, boolean or null', 'an object or array')
  }
}

/** Keys such as 9007199254740993 must not pass through a double: equal keys have to stay equal, and others apart. */
class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

function keepNumberText(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? new NumberText(context?.source ?? `${value}`) : value
}
