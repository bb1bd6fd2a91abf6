import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NestedField } from '../../../shared/iceberg/schema.ts'
import { createQueryFixture, type QueryFixture } from '../../fakes/query-fixture.ts'
import { schemaOf } from '../parquet/batches.ts'

const field = (id: number, name: string, type: NestedField['type']): NestedField => ({
  id,
  name,
  required: false,
  type,
})
const A = schemaOf(
  field(1, 'id', { kind: 'long' }),
  field(2, 'x', { kind: 'int' }),
  field(3, 'current_date', { kind: 'int' }),
  field(4, 's', { kind: 'struct', fields: [field(5, 'a', { kind: 'int' })] }),
)
/** A column named as its table's namespace, with a member named as its table. */
const C = schemaOf(
  field(1, 'id', { kind: 'long' }),
  field(2, 'daytime', { kind: 'time' }),
  field(3, 'n', {
    kind: 'struct',
    fields: [field(4, 'c', { kind: 'struct', fields: [field(5, 'id', { kind: 'long' })] })],
  }),
)
const B = schemaOf(field(1, 'id', { kind: 'long' }), field(2, 'y', { kind: 'int' }))

let fixture: QueryFixture
beforeAll(async () => {
  fixture = await createQueryFixture()
  const a = [0, 1, 2, 3].map(x => [{ id: BigInt(x), x, current_date: x, s: { a: x } }])
  await fixture.add({ name: 'n.a', schema: A, files: a })
  await fixture.add({ name: 'n.b', schema: B, files: [0, 1, 2, 3].map(y => [{ id: BigInt(y), y }]) })
  const c = [0n, 1n].map(id => [{ id, daytime: 0n, n: { c: { id: id + 7n } } }])
  await fixture.add({ name: 'n.c', schema: C, files: c })
  // An alias of one table that is a column of it too.
  await fixture.add({ name: 'n.s', schema: A, files: a })
})
afterAll(() => fixture.remove())

/** Files read of each table that is named, such as `a1 b4`. */
async function read(sql: string): Promise<string> {
  return await fixture.outcome(
    sql,
    async outcome =>
      outcome.kind === 'explained'
        ? outcome.readings.map(({ state, files }) => `${state.table.name.slice(2)}${files.length}`).join(' ')
        : outcome.kind,
    { explain: true },
  )
}

describe('conditions prune', () => {
  it.each([
    ['FROM n.a WHERE x = 1', 'a1'],
    ['FROM n.a WHERE 1 = x', 'a1'],
    ['FROM n.a WHERE 1 < x', 'a2'],
    ['FROM n.a AS t WHERE t.x = 1 OR t.x = 3', 'a2'],
    ['FROM n.a WHERE s.a >= 3', 'a1'],
    ['FROM n.a WHERE a.s.a >= 3', 'a1'],
    ['FROM n.a WHERE x IN (0, 3) AND id > 1', 'a1'],
    ['FROM n.a WHERE x BETWEEN 1 AND 2', 'a2'],
    ['FROM n.a WHERE x IS NULL', 'a0'],
    ['SELECT count(*) FROM n.a WHERE x = 1 GROUP BY id HAVING count(*) > 5', 'a1'],
    ['FROM n.a JOIN n.b USING (id) WHERE x = 1 AND y = 2', 'a1 b1'],
    ['FROM n.a JOIN n.b ON a.id = b.id AND b.y > 2', 'a4 b1'],
    ['FROM n.a, n.b WHERE a.x = 1', 'a1 b4'],
    ['FROM n.a LEFT JOIN n.b USING (id) WHERE a.x = 1 AND b.y = 1', 'a1 b4'],
    ['FROM n.b RIGHT JOIN n.a USING (id) WHERE a.x = 1 AND b.y = 1', 'b4 a1'],
    ['FROM n.a SEMI JOIN n.b USING (id) WHERE x = 1', 'a1 b4'],
    ['WITH c AS (FROM n.a WHERE x = 2) SELECT * FROM c JOIN n.b USING (id)', 'a1 b4'],
    ['SELECT (SELECT max(y) FROM n.b WHERE b.id = a.id AND y < 1) FROM n.a WHERE x > 2', 'b1 a1'],
    ['FROM n.a WHERE x = 1 UNION ALL FROM n.a WHERE x = 3', 'a2'],
    ['SUMMARIZE SELECT * FROM n.a WHERE x = 1', 'a1'],
  ])('%s reads %s', async (sql, expected) => {
    expect((await read(sql)).split(' ').sort()).toEqual(expected.split(' ').sort())
  })
})

describe('nothing is pruned', () => {
  it.each([
    ['of a table that another mention needs whole', 'SELECT * FROM n.a WHERE x = 1 UNION ALL FROM n.a', 'a4'],
    [
      'on the side that an outer join fills with nulls',
      'FROM n.a LEFT JOIN n.b USING (id) WHERE b.y IS NULL',
      'a4 b4',
    ],
    ['by a condition of an outer join', 'FROM n.a LEFT JOIN n.b ON a.id = b.id AND a.x = 1', 'a4 b4'],
    ['in a full join', 'FROM n.a FULL JOIN n.b USING (id) WHERE x = 1 AND y = 1', 'a4 b4'],
    ['in an anti join on the right', 'FROM n.a ANTI JOIN n.b ON a.id = b.id AND b.y = 1', 'a4 b4'],
    ['in a positional join', 'FROM n.a POSITIONAL JOIN n.b WHERE x = 1 AND y = 2', 'a4 b4'],
    ['in an as-of join', 'FROM n.a ASOF JOIN n.b ON a.id >= b.id WHERE b.y = 1', 'a4 b4'],
    ['under a sample', 'FROM n.a TABLESAMPLE 50% WHERE x = 1', 'a4'],
    ['under a sample of the joined rows', 'SELECT * FROM n.a WHERE x = 1 USING SAMPLE 1 ROWS', 'a4'],
    ['under NOT', 'FROM n.a WHERE NOT (x BETWEEN 1 AND 3)', 'a4'],
    ['by a function of the column', 'FROM n.a WHERE abs(x) = 1', 'a4'],
    ['by a cast of the column', "FROM n.a WHERE x::VARCHAR = '1'", 'a4'],
    ['by an expression that changes', 'FROM n.a WHERE x = random()', 'a4'],
    ['by another column', 'FROM n.a WHERE x = id', 'a4'],
    ['by a column that hides a keyword', 'FROM n.a WHERE x > current_date', 'a4'],
    ['by a name that SELECT gives to something else', 'SELECT x + 1 AS id FROM n.a WHERE id = 1', 'a4'],
    ['by a column that two tables have', 'FROM n.a, n.b WHERE a.id = b.id AND b.y + a.x > 3', 'a4 b4'],
    ['by a name that may be a table and a column', 'FROM n.s WHERE s.a = 1', 's4'],
    ['by a name that may begin with a namespace or a column', 'FROM n.c WHERE n.c.id = 1', 'c2'],
    [
      'by a number that falls as the clock rises',
      "FROM n.a WHERE x > DATE '9000-01-01' - current_date()",
      'a4',
    ],
    [
      'by a time of the day, which begins again',
      'FROM n.c WHERE daytime > CAST(now()::TIMESTAMP AS TIME)',
      'c2',
    ],
    ['by columns renamed in FROM', 'FROM n.a AS t(x, id) WHERE x = 1', 'a4'],
    ['by a name that a subquery may have too', 'FROM n.a, (SELECT 7 AS z) WHERE x = 1', 'a4'],
    ['by what comes after windows', 'SELECT id FROM n.a QUALIFY row_number() OVER (ORDER BY id) = 1', 'a4'],
    ['by OR with something else', 'FROM n.a WHERE x = 1 OR abs(id) = 2', 'a4'],
  ])('%s', async (_, sql, expected) => {
    expect((await read(sql)).split(' ').sort()).toEqual(expected.split(' ').sort())
  })
})

it('a constant that DuckDB cannot cast prunes nothing, and the statement says what is wrong', async () => {
  const sql = "FROM n.a WHERE x = 1 AND x > CAST('one' AS INTEGER)"
  expect(await read(sql)).toBe('a4')
  await expect(fixture.rows(sql)).rejects.toThrow(/Could not convert string 'one'/)
})
