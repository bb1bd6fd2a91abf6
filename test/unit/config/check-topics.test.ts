import { describe, expect, it } from 'vitest'
import { configOf, errorsOf, fileWithTable, tableErrors } from './fixtures.ts'

const pattern = (...lines: readonly string[]) => lines.join('\n')

describe('topics of an entry', () => {
  it('may be a pattern, or several of them, and some left out', () => {
    const one = configOf(fileWithTable(pattern('name: a.{topic}', 'source_topics: orders.*')))
    expect(one.tables).toEqual([])
    expect(one.patterns).toMatchObject([
      { name: 'a.{topic}', source: 's', topics: ['orders.*'], excludeTopics: [], commitIntervalMs: 60_000 },
    ])
    const more = pattern('name: "{1}.x-{2}"', 'source_topics: [ "*.a*", "*b*" ]', 'exclude_topics: [ t?st ]')
    expect(configOf(fileWithTable(more)).patterns).toMatchObject([
      { name: '{1}.x-{2}', topics: ['*.a*', '*b*'], excludeTopics: ['t?st'] },
    ])
  })

  it.each([
    [
      'source_topics: "a b"',
      'source_topics: expected a pattern of topic names such as orders.*: letters, digits, dot, -, _, * and ?, found "a b"',
    ],
    [
      'source_topics: [ ok, "a/*" ]',
      'source_topics[1]: expected a pattern of topic names such as orders.*: letters, digits, dot, -, _, * and ?, found "a/*"',
    ],
    ['source_topics: []', 'source_topics: expected at least one entry, found an empty list'],
    ['source_topics: { a: b }', 'source_topics: expected a list, found a mapping'],
    [
      pattern('source_topic: t', 'source_topics: "*"'),
      'source_topics: source_topic and source_topics cannot stand together',
    ],
    [pattern('source_topic: t', 'exclude_topics: "*"'), 'exclude_topics: exclude_topics needs source_topics'],
    [
      pattern('name: a.t', 'source_topics: "*"'),
      'name: every topic would become the table a.t: with source_topics the name is a template',
    ],
    [
      pattern('name: "a.{topic}"', 'source_topic: t'),
      'name: {topic} stands only in names of entries with source_topics',
    ],
    [
      pattern('name: "a.{2}"', 'source_topics: [ "*.*", "x.*" ]'),
      'name: {2} is what the 2. * of a pattern stands for, and x.* has only 1',
    ],
    [
      pattern('name: "a.{1}"', 'source_topics: x'),
      'name: {1} is what the 1. * of a pattern stands for, and x has none',
    ],
    [
      pattern('name: "a.{0}"', 'source_topics: "*"'),
      'name: expected namespace and name of the table such as analytics.orders, found "a.{0}"',
    ],
  ])('%s', (keys, message) => {
    const named = keys.includes('name:') ? keys : `name: "a.{topic}"\n${keys}`
    expect(tableErrors(keys.includes('source_topic:') && !keys.includes('name:') ? keys : named)).toContain(
      message,
    )
  })

  it('must be said, at the line of the entry', () => {
    const text = fileWithTable('').replace(/ +source_topic: t\n/, '')
    expect(errorsOf(text)).toMatchObject([
      {
        path: 'tables[0].source_topic',
        message: '`source_topic` is missing: expected the name of a Kafka topic',
        suggestion: 'Or write source_topics with a pattern such as orders.*, for a table of each topic.',
      },
    ])
    expect(errorsOf(text)[0]?.line).toBe(errorsOf(text.replace('source: s', 'sources: s'))[0]?.line)
  })

  it('must not be those that the dead letters of these tables go to', () => {
    const at = (dlq: string) =>
      errorsOf(
        fileWithTable(
          pattern('name: a.{topic}', 'source_topics: "*.dlq"', ...(dlq === '' ? [] : [dlq])),
        ).replace('file:./segments', 'file:./lake/_topics'),
      )
    expect(at('')).toMatchObject([
      {
        path: 'tables[0].source_topics',
        message: expect.stringContaining('dead letters of these very tables'),
      },
    ])
    expect(at('dlq_url: file:./elsewhere')).toEqual([])
  })
})
