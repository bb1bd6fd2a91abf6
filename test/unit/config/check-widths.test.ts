import { describe, expect, it } from 'vitest'
import { errorsOf, fileWithTable } from './fixtures.ts'

/** What 256MiB takes. */
const MAX = 2730
/** Of the struct `_kafka`: topic, partition, offset, timestamp, key, and keys and values of headers. */
const KAFKA = 7

const file = (columns: number, { more = '', memory = '256MiB' } = {}) => `${fileWithTable(
  `schema: { fields: [ ${Array.from({ length: columns }, (_, i) => `{ name: c${i}, type: long }`).join(', ')} ] }${more}`,
)}limits: { worker_memory: ${memory} }
`

describe('a table of many columns', () => {
  it('is taken with as many as a worker holds, those of _kafka included', () => {
    expect(errorsOf(file(MAX - KAFKA))).toEqual([])
    expect(errorsOf(file(MAX, { more: '\nmetadata_columns: none' }))).toEqual([])
  })

  it('is refused with one more, naming the setting and what it takes', () => {
    expect(errorsOf(file(MAX - KAFKA + 1))).toMatchObject([
      {
        path: 'tables[0].schema.fields',
        message: expect.stringContaining(
          `2731 columns, members of structs and _kafka included, are more than the ${MAX}`,
        ),
        suggestion: 'Set limits.worker_memory to 257MiB or more, or declare fewer columns.',
      },
    ])
    expect(errorsOf(file(MAX - KAFKA + 1, { memory: '257MiB' }))).toEqual([])
  })

  it('is refused as a pattern too, and for the members of its structs', () => {
    const members = Array.from({ length: MAX }, (_, i) => `{ name: m${i}, type: long }`).join(', ')
    const nested = fileWithTable(
      `source_topics: "x.*"\nname: "a.{topic}"\nschema: { fields: [ { name: l, type: list, element: { type: struct, fields: [ ${members} ] } } ] }`,
    )
    expect(errorsOf(`${nested}limits: { worker_memory: 256MiB }\n`)).toMatchObject([
      { path: 'tables[0].schema.fields' },
    ])
    expect(errorsOf(nested)).toEqual([])
  })

  it('says nothing of widths where the memory itself is wrong', () => {
    expect(errorsOf(file(MAX + 1, { memory: '1MiB' }))).toMatchObject([{ path: 'limits.worker_memory' }])
  })
})
