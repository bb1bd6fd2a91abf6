// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables as users write them
/** Whatever stands in tidewater.yaml, loading it answers with a configuration or with errors that point into the file. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { loadConfig } from '../../../shared/config/load-config.ts'

const example = readFileSync(new URL('../../../examples/orders.yaml', import.meta.url), 'utf8')
const SECRET = 'hunter2hunter2'

function check(text: string): 'ok' | 'errors' {
  const outcome = loadConfig(text, { path: '/conf/tidewater.yaml', env: { SECRET } })
  if (outcome.kind === 'ok') return 'ok'
  const lineCount = text.split('\n').length
  expect(outcome.errors.length).toBeGreaterThan(0)
  for (const error of outcome.errors) {
    expect(error.line).toBeGreaterThanOrEqual(1)
    expect(error.line).toBeLessThanOrEqual(lineCount)
    expect(error.column).toBeGreaterThanOrEqual(1)
    expect(error.message).not.toBe('')
    expect(JSON.stringify(error)).not.toContain(SECRET)
  }
  return 'errors'
}

/** What typing errors and pasted text put into a file. */
const snippet = fc.oneof(
  fc.constantFrom(
    '\n',
    '\n  ',
    '\t',
    ' ',
    ':',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '#',
    '&a',
    '*a',
    '!!int ',
    '|',
    '>',
    '---\n',
  ),
  fc.constantFrom(
    '${SECRET}',
    '${GONE}',
    '${',
    '$${',
    'null',
    '~',
    '<<: ',
    '? ',
    '%YAML',
    '__proto__: 1',
    '\ud800',
    '\0',
  ),
  fc.string({ maxLength: 5 }),
)
const edit = fc.record({
  at: fc.nat(),
  removed: fc.oneof(fc.constant(0), fc.nat(30)),
  inserted: fc.oneof(fc.constant(''), snippet),
})

describe('loadConfig', () => {
  it('answers any edited file', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), edits => {
        let text = example
        for (const { at, removed, inserted } of edits) {
          const start = at % (text.length + 1)
          text = text.slice(0, start) + inserted + text.slice(start + removed)
        }
        check(text)
      }),
      { numRuns: 300 },
    )
  })

  it('answers any text', () => {
    fc.assert(
      fc.property(fc.array(snippet, { maxLength: 30 }), parts => void check(parts.join(''))),
      { numRuns: 300 },
    )
  })

  it('answers any value at any place', () => {
    const document: unknown = parse(example)
    const places = placesOf(document)
    const value = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        0,
        -1,
        1e300,
        '',
        'x',
        '${SECRET}',
        'a${SECRET}',
        [],
        {},
        [[]],
        [null],
        { type: 'struct' },
      ),
      fc.constantFrom<unknown>('struct', 'list', 'map', 'decimal(99,1)', 'sqlite:x', 'rest', '10s', '64MiB', {
        name: 'a.b',
      }),
      fc.jsonValue({ maxDepth: 3 }),
    )
    const change = fc.record({ place: fc.constantFrom(...places), value })
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), changes => {
        let changed = document
        for (const { place, value } of changes) changed = replaced(changed, place, value)
        outcomes.add(check(stringify(changed)))
      }),
      { numRuns: 500 },
    )
    expect(outcomes).toContain('errors')
  })

  it('knows every key of the example: taking any required one away, or misspelling any, is an error', () => {
    const document: unknown = parse(example)
    for (const place of placesOf(document)) {
      const key = place.at(-1)
      if (typeof key !== 'string') continue
      const parent = place.slice(0, -1)
      const renamed = replaced(
        document,
        parent,
        Object.fromEntries(
          Object.entries(Object(at(document, parent))).map(([name, value]) => [
            name === key ? `${name}x` : name,
            value,
          ]),
        ),
      )
      expect(check(stringify(renamed)), place.join('.')).toBe('errors')
    }
  })
})

type Place = readonly (string | number)[]

function placesOf(value: unknown, place: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [place]
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value)
  return [place, ...keys.flatMap(key => placesOf(Reflect.get(value, key), [...place, key]))]
}

function at(value: unknown, place: Place): unknown {
  return place.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  )
}

/** A copy with another value at the place; nothing changes when an earlier change took the place away. */
function replaced(value: unknown, place: Place, replacement: unknown): unknown {
  const [key, ...rest] = place
  if (key === undefined) return replacement
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return value
  const copy: object = Array.isArray(value) ? [...value] : { ...value }
  Reflect.set(copy, key, replaced(Reflect.get(value, key), rest, replacement))
  return copy
}
