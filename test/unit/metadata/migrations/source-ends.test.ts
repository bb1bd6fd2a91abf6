import { expect, it } from 'vitest'
import { readMigrations } from '../../../../shared/metadata/read-migrations.ts'
import { openConnection } from '../../../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../../../shared/metadata/sqlite/migrate.ts'
import { systemRuntime } from '../../../../shared/runtime/system-runtime.ts'

it('a database from before source ends were kept is behind what it has planned, and knows its dead letters by code', async () => {
  const connection = openConnection({ path: ':memory:', runtime: systemRuntime })
  const { db } = connection
  const migrations = readMigrations('sqlite')
  await migrate(
    connection,
    migrations.filter(({ number }) => number < 3),
  )
  db.exec(`
    insert into iceberg_table (table_id, name, kind, location, current_schema_id, default_spec_id, last_column_id,
      last_partition_id, properties, declaration, created_at_ms) values ('t', 'a', 'rows', 'l', 0, 0, 1, 1, '{}', '{}', 0);
    insert into table_schema values ('t', 0, '{}');
    insert into partition_spec values ('t', 0, '{}');
    insert into source_partition (source_key, table_id, topic, partition, incarnation, is_current, first_offset, planned_offset,
      committed_offset, row_count) values (1, 't', 'x', 0, 0, 1, 0, 30, 20, 20), (2, 't', 'x', 1, 0, 1, 0, 20, 20, 20);
    insert into convert_task (task_key, task_id, table_id, schema_id, spec_id, state, created_at_ms)
      values (1, 'done', 't', 0, 0, 'committed', 0), (2, 'ahead', 't', 0, 0, 'staged', 0);
    insert into dead_letter_batch (table_id, task_key, source_key, code, count, first_offset, last_offset, sample_message,
      committed_at_ms) values ('t', 1, 1, 'not-json', 3, 0, 2, 'm', 0), ('t', 1, 2, 'not-json', 4, 0, 3, 'm', 0),
      ('t', 2, 1, 'not-json', 9, 20, 28, 'm', 0);`)
  await migrate(connection, migrations)
  const sources = db.prepare('select source_end_offset, behind_since_ms from source_partition').all()
  expect(sources.map(({ source_end_offset }) => Number(source_end_offset))).toEqual([30, 20])
  expect(sources.map(({ behind_since_ms }) => behind_since_ms === null)).toEqual([false, true])
  expect(db.prepare('select code, count from dead_letter_total').all()).toMatchObject([
    { code: 'not-json', count: expect.toSatisfy((count: unknown) => Number(count) === 7) },
  ])
  connection.close()
})
