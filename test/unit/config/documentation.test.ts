import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { DESIGNED_KEYS } from '../../../shared/config/designed-later.ts'
import { expandPatterns } from '../../../shared/config/expand-patterns.ts'
import { fileSchema, knownKeys } from '../../../shared/config/file-schema.ts'
import { configOf, errorsOf } from './fixtures.ts'

const docs = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')

/** Rows of a section's tables, by the keys in their first cell: default and meaning. */
function rowsOf(heading: string): Map<string, string> {
  const section = docs.split(/^#{2,3} /m).find(text => text.startsWith(`${heading}\n`)) ?? ''
  const rows = new Map<string, string>()
  for (const [, keys, rest] of section.matchAll(/^\| (`[^|]*`) +\|(.*)$/gm)) {
    for (const [, key] of keys?.matchAll(/`([a-z0-9_]+)`/g) ?? []) rows.set(key ?? '', rest ?? '')
  }
  return rows
}

const sections = [
  ['Top level', ['']],
  ['Catalogs', ['catalogs']],
  ['Signed requests', ['catalogs.sigv4']],
  ['Tables', ['tables']],
  ['Columns', ['tables.schema.fields']],
  ['Limits', ['limits']],
  ['Server', ['server']],
  ['Log', ['log']],
  ['Scaling', ['scaling']],
] as const

describe('docs/configuration.md', () => {
  it.each(sections)('%s describes every key that there is, and no other', (heading, [place]) => {
    expect([...rowsOf(heading).keys()].sort()).toEqual([...knownKeys(place)].sort())
  })

  it('describes the keys of sources, there and under object stores', () => {
    const described = new Set([...rowsOf('Sources').keys(), ...rowsOf('Object stores').keys()])
    expect([...described].sort()).toEqual([...knownKeys('sources')].sort())
  })

  it('describes the keys of a warehouse, there and under object stores', () => {
    const described = [...rowsOf('Object stores').keys(), ...rowsOf('Warehouse').keys()]
    expect(described.sort()).toEqual([...knownKeys('warehouse')].sort())
  })

  it('gives the defaults that hold', () => {
    const schema: unknown = z.toJSONSchema(fileSchema, { target: 'draft-7', io: 'input' })
    const parsed = z
      .object({
        properties: z.object({
          tables: z.object({
            items: z.object({
              properties: z.record(z.string(), z.object({ default: z.unknown().optional() })),
            }),
          }),
          limits: z.object({
            properties: z.record(z.string(), z.object({ default: z.unknown().optional() })),
          }),
          server: z.object({
            properties: z.record(z.string(), z.object({ default: z.unknown().optional() })),
          }),
          log: z.object({
            properties: z.record(z.string(), z.object({ default: z.unknown().optional() })),
          }),
          scaling: z.object({
            properties: z.record(z.string(), z.object({ default: z.unknown().optional() })),
          }),
        }),
      })
      .parse(schema).properties
    const documented = Object.fromEntries(
      ['Tables', 'Limits', 'Server', 'Log', 'Scaling'].flatMap(name => [...rowsOf(name)]),
    )
    const actual = {
      ...parsed.tables.items.properties,
      ...parsed.limits.properties,
      ...parsed.server.properties,
      ...parsed.log.properties,
      ...parsed.scaling.properties,
    }
    for (const [key, { default: value }] of Object.entries(actual)) {
      if (['string', 'number', 'boolean'].includes(typeof value))
        expect(documented[key]?.split('|')[0]?.trim(), key).toBe(`\`${value}\``)
    }
  })

  it('shows a first example that is valid', () => {
    const [, example] = /```yaml\n(.*?)```/s.exec(docs) ?? []
    expect(configOf(example ?? '').tables).toHaveLength(1)
  })

  it('shows in topic-patterns.md the tables that its example makes', () => {
    const page = readFileSync(new URL('../../../docs/topic-patterns.md', import.meta.url), 'utf8')
    const [, example] = /```yaml\n(.*?)```/s.exec(page) ?? []
    const rows = [...page.matchAll(/^\| (`.*`) \| (`(.*)`|none) \|$/gm)]
    const expected = rows.flatMap(([, topics, , table]) =>
      Array.from(topics?.matchAll(/`([^`]+)`/g) ?? [], ([, topic]) => [topic ?? '', table] as const),
    )
    const topics = expected.map(([topic]) => ({ source: 'kafscale', topic }))
    const { tables, problems } = expandPatterns(configOf(example ?? ''), topics, [])
    const made = new Map(tables.map(({ name, sourceTopic }) => [sourceTopic, name]))
    expect(expected.map(([topic]) => [topic, made.get(topic)])).toEqual(expected)
    expect(expected).toHaveLength(6)
    expect(problems).toEqual([])
  })

  it('names all keys that are designed but not built', () => {
    const section = docs.slice(docs.indexOf('## Designed, not built yet'))
    for (const key of DESIGNED_KEYS.tables ?? []) {
      expect(section).toContain(`\`${key}\``)
      expect(errorsOf(`${key}: 1\n`)).not.toEqual([])
    }
  })
})
