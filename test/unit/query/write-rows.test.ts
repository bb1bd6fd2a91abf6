import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type WriteOptions, writeRows } from '../../../services/query/write-rows.ts'
import { createQueryFixture, type QueryFixture } from '../../fakes/query-fixture.ts'

let fixture: QueryFixture
beforeAll(async () => {
  fixture = await createQueryFixture()
})
afterAll(() => fixture.remove())

async function written(sql: string, options: Partial<WriteOptions> = {}) {
  let text = ''
  const outcome = await fixture.outcome(sql, async ({ kind, ...rest }) => {
    if (!('result' in rest)) throw new Error(`expected rows, found ${kind}`)
    return await writeRows(fixture.context.duckdb, rest.result, {
      format: 'json',
      rowLimit: undefined,
      terminal: false,
      write: async chunk => {
        text += chunk
      },
      ...options,
    })
  })
  return { text, ...outcome }
}

describe('JSON', () => {
  it.each([
    ['9223372036854775807', '9223372036854775807'],
    ['170141183460469231731687303715884105727', '170141183460469231731687303715884105727'],
    [
      "CAST('9999999999999999999999999999.9999999999' AS DECIMAL(38,10))",
      '9999999999999999999999999999.9999999999',
    ],
    ['CAST(0.1 AS FLOAT)', '0.1'],
    ["CAST('nan' AS DOUBLE)", '"NaN"'],
    ["CAST('-inf' AS FLOAT)", '"-Infinity"'],
    ["CAST('-0' AS DOUBLE)", '-0'],
    ["'a\"\n😀'", '"a\\"\\n😀"'],
    ["TIMESTAMPTZ '2026-01-02 03:04:05.000600+01'", '"2026-01-02T02:04:05.0006Z"'],
    ["TIMESTAMP '1969-12-31 23:59:59.999999'", '"1969-12-31T23:59:59.999999"'],
    ["TIMESTAMP 'infinity'", '"infinity"'],
    ["DATE '0001-01-01'", '"0001-01-01"'],
    ["TIME '23:59:59.5'", '"23:59:59.5"'],
    ["UUID 'f79c3e09-677c-4bbd-a479-3f349cb785e7'", '"f79c3e09-677c-4bbd-a479-3f349cb785e7"'],
    ["'\\x00\\xFF'::BLOB", '"AP8="'],
    ['INTERVAL 90 MINUTE', '"01:30:00"'],
    ["{'2': 1, '1': [NULL, 2.50]}", '{"2":1,"1":[null,2.50]}'],
    ["MAP {9007199254740993: 'x', 1: NULL}", '[[9007199254740993,"x"],[1,null]]'],
  ])('%s is %s', async (sql, json) => {
    expect((await written(`SELECT ${sql} AS v`)).text).toBe(`{"v":${json}}\n`)
  })

  it('keeps columns of one name apart', async () => {
    const { text } = await written('SELECT 1 AS a, 2 AS a')
    expect(Object.values(JSON.parse(text))).toEqual([1, 2])
  })
})

it('CSV quotes what needs it, and tells null from an empty text', async () => {
  const { text } = await written(`SELECT NULL AS n, '' AS "e,x", 'a"b' AS q, 'c\nd' AS l`, { format: 'csv' })
  expect(text).toBe('n,"e,x",q,l\n,"","a""b","c\nd"\n')
})

describe('a table', () => {
  it('aligns, tells null from texts, and lets no control character through', async () => {
    const { text } = await written(
      "FROM (VALUES (1, NULL, 'a'), (-10, 'NULL', 'b\u001b[31m\n'), (3, '', '😀')) t(n, s, c)",
      {
        format: 'table',
      },
    )
    expect(text).toBe(
      [
        '  n  s       c',
        '---  ------  -------------',
        '  1  NULL    a',
        '-10  "NULL"  b\\u001b[31m\\n',
        '  3  ""      😀',
        '',
      ].join('\n'),
    )
  })

  it('cuts wide cells on a terminal only', async () => {
    const sql = "SELECT repeat('x', 100) AS wide, NULL AS n"
    expect((await written(sql, { format: 'table' })).text).toContain('x'.repeat(100))
    const { text } = await written(sql, { format: 'table', terminal: true })
    expect(text).toContain(`${'x'.repeat(59)}…  \u001b[2mNULL\u001b[22m`)
  })

  it('has its head also without rows', async () => {
    expect((await written('SELECT 1 AS a WHERE false', { format: 'table' })).text).toBe('a\n-\n')
  })
})

it.each([
  [2, 2, true],
  [3, 3, false],
  [undefined, 3, false],
  [0, 0, true],
])('a limit of %s lets %i rows through', async (rowLimit, rowCount, cut) => {
  const outcome = await written('FROM range(3)', { format: 'csv', rowLimit })
  expect(outcome).toMatchObject({ rowCount, cut })
  expect(outcome.text.trim().split('\n')).toHaveLength(rowCount + 1)
})
