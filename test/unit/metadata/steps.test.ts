import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Database } from '../../../shared/metadata/database.ts'
import {
  all,
  compileStatement,
  countChanged,
  first,
  insertStatement,
  now,
  runSteps,
  type Step,
  sqlStatement,
  statement,
} from '../../../shared/metadata/steps.ts'

const writer = new Kysely<Database>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: db => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})
const selectLease = statement((db, p: { name: string; untilMs: bigint }) =>
  db.selectFrom('lease').selectAll().where('until_ms', '>', p.untilMs).where('name', '=', p.name),
)
const endLeases = statement((db, p: { untilMs: bigint }) =>
  db.updateTable('lease').set({ until_ms: p.untilMs }),
)

describe('compileStatement', () => {
  it('writes the SQL once and binds named parameters in the order of their places', () => {
    const compiled = compileStatement(writer, selectLease)
    expect(compiled.sql).toBe('select * from "lease" where "until_ms" > ? and "name" = ?')
    expect(compiled.bind({ name: 'a', untilMs: 5n })).toEqual([5n, 'a'])
    expect(compiled.bind({ name: 'b', untilMs: 6n })).toEqual([6n, 'b'])
  })

  it('binds a parameter at each of its places, beside values that are fixed', () => {
    const twice = sqlStatement<{ x: number }, unknown>(p => sql`select ${p.x}, ${'fixed'}, ${p.x}`)
    expect(compileStatement(writer, twice).bind({ x: 7 })).toEqual([7n, 'fixed', 7n])
  })

  it('inserts the named columns', () => {
    const insert = compileStatement(
      writer,
      insertStatement('table_schema', ['table_id', 'schema_id', 'schema_json']),
    )
    expect(insert.sql).toBe(
      'insert into "table_schema" ("table_id", "schema_id", "schema_json") values (?, ?, ?)',
    )
    expect(insert.bind({ schema_json: '{}', table_id: 't', schema_id: 3 })).toEqual(['t', 3n, '{}'])
  })

  it('turns numbers and booleans into integers, and refuses what SQL cannot hold', () => {
    const one = compileStatement(
      writer,
      sqlStatement<{ x: unknown }, unknown>(p => sql`select ${p.x}`),
    )
    expect([true, false, 9, null].map(x => one.bind({ x })[0])).toEqual([1n, 0n, 9n, null])
    for (const x of [0.5, Number.NaN, 2 ** 60, undefined, {}, new Date(0)]) {
      expect(() => one.bind({ x })).toThrow('was given')
    }
    expect(() => one.bind({})).toThrow('was given')
  })
})

describe('runSteps', () => {
  it('gives each step its answer, in order, and answers what the steps return', () => {
    const seen: Step['kind'][] = []
    const answers = [12n, [[{ name: 'a' }, { name: 'b' }]], [[]], 3]
    const result = runSteps(
      (function* () {
        const at = yield* now()
        const rows = yield* all(selectLease, { name: 'a', untilMs: at })
        const none = yield* first(selectLease, { name: 'a', untilMs: at })
        return [at, rows.length, none, yield* countChanged(endLeases, [{ untilMs: at }])]
      })(),
      step => {
        seen.push(step.kind)
        return answers[seen.length - 1]
      },
    )
    expect(result).toEqual([12n, 2, undefined, 3])
    expect(seen).toEqual(['now', 'rows', 'rows', 'change'])
  })

  it('lets an error of a statement end the steps', () => {
    const failing = () => {
      throw new Error('disk full')
    }
    expect(() => runSteps(now(), failing)).toThrow('disk full')
  })
})
