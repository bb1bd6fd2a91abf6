/**
 * Files that are pruned hold no row that the statement needs: for random files, partitionings and conditions, every row that meets
 * the condition lies in a file that was chosen. The same condition inside CASE says the same to DuckDB and nothing to the pruner.
 */
import { join } from 'node:path'
import { DuckDBListValue, type DuckDBValue } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chooseFiles } from '../../../services/query/choose-files.ts'
import { openSession, type Session } from '../../../services/query/duckdb.ts'
import { predicatesOf } from '../../../services/query/predicates.ts'
import { parseStatement } from '../../../services/query/statement.ts'
import { loadTableState } from '../../../services/query/table-state.ts'
import type { Transform } from '../../../shared/iceberg/partition-spec.ts'
import type { NestedField, PrimitiveType } from '../../../shared/iceberg/schema.ts'
import { applyTransform, resultType } from '../../../shared/iceberg/transforms.ts'
import { createQueryFixture, LIMITS, type QueryFixture } from '../../fakes/query-fixture.ts'
import { type Row, schemaOf } from '../../unit/parquet/batches.ts'

const RUNS = process.env.TIDEWATER_TEST_LONG === '1' ? 300 : 15

interface Column {
  readonly name: string
  readonly type: PrimitiveType
  readonly values: readonly Row[string][]
  /** As SQL writes constants for it, of its own type and of others that it is compared with. */
  readonly literals: readonly string[]
}

const day = (text: string) => Date.parse(text) / 86_400_000
const micros = (text: string) => BigInt(Date.parse(text)) * 1000n
const LONG_TEXT = 'a text of more than sixteen characters'

const COLUMNS: readonly Column[] = [
  {
    name: 'int_c',
    type: { kind: 'int' },
    values: [-(2 ** 31), -7, 0, 1, 5, 12, 2 ** 31 - 1],
    literals: ['0', '5', '-7', '5.5', '2147483648', "'12'", '1e0', 'CAST(5 AS DOUBLE)', '1.0'],
  },
  {
    name: 'long_c',
    type: { kind: 'long' },
    values: [-(2n ** 63n), -1n, 0n, 3n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n],
    literals: [
      '0',
      '3',
      '9007199254740993',
      '9007199254740992.0',
      'CAST(9007199254740992 AS DOUBLE)',
      "'3'",
      '2.5',
    ],
  },
  {
    name: 'float_c',
    type: { kind: 'float' },
    values: [Number.NaN, Number.NEGATIVE_INFINITY, -0, 0, Math.fround(0.1), 2.5],
    literals: ['0', '0.1', '2.5', "'nan'::FLOAT", "'-inf'::DOUBLE", '-0.0', "'0.1'", 'CAST(0.1 AS DOUBLE)'],
  },
  {
    name: 'double_c',
    type: { kind: 'double' },
    values: [Number.NaN, Number.POSITIVE_INFINITY, -1.5, -0, 0, 5e-324, 0.1],
    literals: ['0', '0.1', '-1.5', "'nan'::DOUBLE", "'inf'::DOUBLE", "'NaN'", '1e-300', '7'],
  },
  {
    name: 'decimal_c',
    type: { kind: 'decimal', precision: 9, scale: 2 },
    values: [-999_999_999n, -1n, 0n, 150n, 151n, 999_999_999n],
    literals: ['0', '1.5', '1.505', "'1.51'", '1.5e0', '9999999.99', '2'],
  },
  {
    name: 'date_c',
    type: { kind: 'date' },
    values: [day('0001-01-01'), day('1969-12-31'), 0, day('2024-02-29'), day('2024-03-01')],
    literals: [
      "DATE '2024-02-29'",
      "'1970-01-01'",
      "TIMESTAMP '2024-02-29 12:00:00'",
      "TIMESTAMPTZ '2024-03-01 00:00:00+00'",
      'current_date',
    ],
  },
  {
    name: 'time_c',
    type: { kind: 'time' },
    values: [0n, 1n, 43_200_000_000n, 86_399_999_999n],
    literals: ["TIME '12:00:00'", "'00:00:00.000001'"],
  },
  {
    name: 'timestamp_c',
    type: { kind: 'timestamp' },
    values: [
      micros('1969-12-31T23:59:59.999Z'),
      0n,
      micros('2024-02-29T12:00:00Z'),
      micros('2024-03-01T00:00:00Z'),
    ],
    literals: [
      "TIMESTAMP '2024-02-29 12:00:00'",
      "DATE '2024-03-01'",
      "'1970-01-01'",
      "TIMESTAMPTZ '2024-02-29 12:00:00+00'",
    ],
  },
  {
    name: 'timestamptz_c',
    type: { kind: 'timestamptz' },
    values: [
      -1n,
      0n,
      micros('2024-02-29T12:00:00Z'),
      micros('2024-03-01T00:00:00Z'),
      micros('2200-01-01T00:00:00Z'),
    ],
    literals: [
      "TIMESTAMPTZ '2024-02-29 13:00:00+01'",
      "DATE '2024-03-01'",
      "'1970-01-01'",
      'now() - INTERVAL 1 DAY',
      'now()',
    ],
  },
  {
    name: 'string_c',
    type: { kind: 'string' },
    values: [
      '',
      'a',
      'ab',
      'abc',
      'b',
      'é',
      '😀',
      '\u{10ffff}'.repeat(20),
      LONG_TEXT,
      `${LONG_TEXT}!`,
      '10',
      '9',
    ],
    literals: ["''", "'ab'", "'b'", "'😀'", `'${LONG_TEXT}'`, '9', '10', "CAST('ab' AS VARCHAR)"],
  },
  {
    name: 'uuid_c',
    type: { kind: 'uuid' },
    values: [
      '00000000-0000-0000-0000-0000000000ff',
      '7fffffff-0000-0000-0000-000000000000',
      'f79c3e09-677c-4bbd-a479-3f349cb785e7',
    ],
    literals: ["'f79c3e09-677c-4bbd-a479-3f349cb785e7'", "UUID '7fffffff-0000-0000-0000-000000000000'"],
  },
  {
    name: 'binary_c',
    type: { kind: 'binary' },
    values: [
      Uint8Array.of(),
      Uint8Array.of(0),
      Uint8Array.of(255),
      new Uint8Array(20).fill(255),
      Uint8Array.of(97),
    ],
    literals: ["'a'::BLOB", "'\\xFF'::BLOB", "''::BLOB"],
  },
  { name: 'boolean_c', type: { kind: 'boolean' }, values: [true, false], literals: ['true', 'false'] },
]

const field = (id: number, name: string, type: NestedField['type']): NestedField => ({
  id,
  name,
  required: false,
  type,
})
const SCHEMA = schemaOf(
  field(100, 'id', { kind: 'long' }),
  ...COLUMNS.map(({ name, type }, index) => field(index + 1, name, type)),
  field(50, 'nested', {
    kind: 'struct',
    fields: [field(51, 'n', { kind: 'int' }), field(52, 's', { kind: 'string' })],
  }),
)

const orNull = <T>(values: readonly T[]) => fc.option(fc.constantFrom(...values), { freq: 5 })
const rowValues: fc.Arbitrary<Row> = fc.record({
  ...Object.fromEntries(COLUMNS.map(({ name, values }) => [name, orNull(values)])),
  nested: fc.option(fc.record({ n: orNull([-1, 0, 1]), s: orNull(['x', 'y']) }), { freq: 4 }),
})

const transform: fc.Arbitrary<Transform> = fc.oneof(
  fc.constantFrom<Transform>(
    { kind: 'identity' },
    { kind: 'year' },
    { kind: 'month' },
    { kind: 'day' },
    { kind: 'hour' },
    { kind: 'void' },
  ),
  fc.record({ kind: fc.constant('bucket' as const), buckets: fc.integer({ min: 2, max: 5 }) }),
  fc.record({ kind: fc.constant('truncate' as const), width: fc.integer({ min: 1, max: 10 }) }),
)

const condition: fc.Arbitrary<string> = fc.letrec<{ node: string; leaf: string }>(tie => ({
  leaf: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...COLUMNS).chain(leafOf) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'nested.n > 0',
        "t.nested.s = 'x'",
        'nested.n IS NULL',
        "nested.s LIKE 'y%'",
        'nested IS NULL',
        '(nested).n = 1',
      ),
    },
  ),
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('leaf'),
    fc.tuple(tie('node'), tie('node')).map(([left, right]) => `(${left} AND ${right})`),
    fc.tuple(tie('node'), tie('node')).map(([left, right]) => `(${left} OR ${right})`),
    tie('node').map(inner => `(NOT ${inner})`),
  ),
})).node

function leafOf(column: Column): fc.Arbitrary<string> {
  const literal = fc.constantFrom(...column.literals)
  const name = fc.constantFrom(column.name, `t.${column.name}`, column.name.toUpperCase())
  const op = fc.constantFrom('=', '<>', '<', '<=', '>', '>=')
  const shapes = [
    fc.tuple(name, op, literal).map(parts => parts.join(' ')),
    fc.tuple(literal, op, name).map(parts => parts.join(' ')),
    fc.tuple(name, literal, literal).map(([c, low, high]) => `${c} BETWEEN ${low} AND ${high}`),
    fc.tuple(name, literal, literal).map(([c, one, other]) => `${c} IN (${one}, ${other})`),
    fc.tuple(name, literal, literal).map(([c, one, other]) => `${c} NOT IN (${one}, ${other})`),
    fc.tuple(name, fc.constantFrom('IS NULL', 'IS NOT NULL')).map(parts => parts.join(' ')),
    fc.tuple(name, literal).map(([c, other]) => `${c} IS DISTINCT FROM ${other}`),
  ]
  const pattern = fc.constantFrom(
    'a%',
    'ab%',
    '%b',
    'a_c',
    '',
    '😀%',
    'a text of more than s%',
    '\u{10ffff}%',
  )
  if (column.type.kind === 'string')
    shapes.push(
      fc.tuple(name, pattern).map(([c, like]) => `${c} LIKE '${like}'`),
      fc.tuple(name, pattern).map(([c, like]) => `starts_with(${c}, '${like.replace('%', '')}')`),
    )
  return fc.oneof(...shapes)
}

/** Rows of one file, split where they are of several partitions. */
function byPartition(rows: readonly Row[], column: Column, by: Transform): readonly (readonly Row[])[] {
  const files = new Map<string, Row[]>()
  for (const row of rows) {
    const key = String(applyTransform(by, column.type, (row[column.name] ?? null) as never))
    files.set(key, [...(files.get(key) ?? []), row])
  }
  return [...files.values()]
}

let fixture: QueryFixture
let session: Session
beforeAll(async () => {
  fixture = await createQueryFixture()
  session = await openSession(fixture.context.duckdb, {
    ...LIMITS,
    spillFolder: join(fixture.folder, 'spill'),
  })
})
afterAll(async () => {
  session?.close()
  await fixture?.remove()
})

describe('pruning', () => {
  it('loses no row, for every type, transform and condition', { timeout: 600_000 }, async () => {
    let pruned = 0
    let tables = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(rowValues, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...COLUMNS),
        transform,
        fc.array(condition, { minLength: 4, maxLength: 8 }),
        async (groups, column, by, conditions) => {
          let id = 0n
          const numbered = groups.map(rows => rows.map(row => ({ ...row, id: id++ })))
          const partitioned = resultType(by, column.type) !== undefined
          const files = partitioned ? numbered.flatMap(rows => byPartition(rows, column, by)) : numbered
          const table = `space.t${tables++}`
          const added = await fixture.add({
            name: table,
            schema: SCHEMA,
            files,
            ...(partitioned && {
              partitionBy: [
                { sourceId: COLUMNS.indexOf(column) + 1, fieldId: 1000, name: 'part', transform: by },
              ],
            }),
          })
          const { metadata } = fixture.context
          const state = await loadTableState(metadata, added)
          const expected = await idsOf(fixture, table, conditions)
          for (const [index, where] of conditions.entries()) {
            const ids = expected[index]
            if (ids === undefined) continue
            const chosen = await chosenFiles(state, `SELECT * FROM ${table} t WHERE ${where}`)
            const kept = new Set<unknown>(chosen.flatMap(file => files[file]?.map(row => row.id) ?? []))
            expect(
              ids.filter(needed => !kept.has(needed)),
              `${where}, ${column.name} by ${by.kind}`,
            ).toEqual([])
            pruned += files.length - chosen.length
          }
        },
      ),
      { numRuns: RUNS },
    )
    // That nothing was lost says something only where something was left out.
    expect(pruned).toBeGreaterThan(RUNS)
  })
})

/** For each condition, the ids of all rows that meet it; `undefined` where DuckDB cannot evaluate it for every row. */
async function idsOf(
  of: QueryFixture,
  table: string,
  conditions: readonly string[],
): Promise<readonly (readonly DuckDBValue[] | undefined)[]> {
  const columns = conditions.map(where => `list(t.id) FILTER (CASE WHEN ${where} THEN true ELSE false END)`)
  const ids = (value: DuckDBValue | undefined) =>
    value === null ? [] : value instanceof DuckDBListValue ? value.items : undefined
  const all = await of.rows(`SELECT ${columns.join(', ')} FROM ${table} t`).catch(() => undefined)
  if (all !== undefined) return conditions.map((_, index) => ids(all[0]?.[index]))
  return await Promise.all(
    columns.map(async column => {
      const one = await of.rows(`SELECT ${column} FROM ${table} t`).catch(() => undefined)
      return one === undefined ? undefined : ids(one[0]?.[0])
    }),
  )
}

/** Positions, in the order in which they were added, of the files that a statement would read. */
async function chosenFiles(
  state: Parameters<typeof chooseFiles>[1],
  sql: string,
): Promise<readonly number[]> {
  const { tree } = await parseStatement(session.connection, sql)
  const predicates = [...predicatesOf(tree, () => state.schema).values()]
  // As for a statement: what DuckDB cannot evaluate prunes nothing.
  const { files } =
    predicates.length === 0 ? state : await chooseFiles(session, state, predicates).catch(() => state)
  return files.map(file => Number(file.addedVersion) - 1)
}
