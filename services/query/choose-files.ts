/**
 * Chooses the files of a table that a statement may need. Statistics of every file go into a table of DuckDB's, one line each, and the
 * conditions of `keep-conditions.ts` are asked of it. DuckDB's errors pass through: a constant that cannot be cast, for one.
 */
import type { DuckDBValue } from '@duckdb/node-api'
import { decodeDataFile } from '../../shared/iceberg/data-file-avro.ts'
import type { PartitionValue } from '../../shared/iceberg/partition-spec.ts'
import { type BoundPartitionField, partitionType } from '../../shared/iceberg/partition-type.ts'
import type { Schema } from '../../shared/iceberg/schema.ts'
import { applyTransform } from '../../shared/iceberg/transforms.ts'
import type { LiveFile, TableDetail } from '../../shared/metadata/metadata-store.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import type { Session } from './duckdb.ts'
import { fromDuckDBValue, toDuckDBValue } from './duckdb-values.ts'
import { type ColumnStatistics, columnStatistics } from './file-statistics.ts'
import { keepCondition, mayCompare } from './keep-conditions.ts'
import type { Literal } from './literals.ts'
import type { Predicate } from './predicates.ts'
import type { PredicateColumn } from './scope.ts'
import { duckdbType } from './sql-text.ts'

export interface ChosenFiles {
  readonly files: readonly LiveFile[]
  /** Files left out by their partition, and those left out by column bounds alone. */
  readonly prunedByPartition: number
  readonly prunedByBounds: number
}

const STATISTICS = '_file_statistics'

/** A file is needed when any of the predicates may hold in it: there is one for each mention of the table in the statement. */
export async function chooseFiles(
  session: Session,
  state: { readonly table: TableDetail; readonly schema: Schema; readonly files: readonly LiveFile[] },
  predicates: readonly Predicate[],
): Promise<ChosenFiles> {
  const { files } = state
  const all: ChosenFiles = { files, prunedByPartition: 0, prunedByBounds: 0 }
  const columns = columnsOf(predicates)
  if (files.length === 0 || columns.length === 0) return all
  const verdicts = await judge(session, state, predicates, columns)
  const isKept = (index: number, verdict: 0 | 1) => verdicts[index]?.[verdict] !== false
  return {
    files: files.filter((_, index) => isKept(index, 0) && isKept(index, 1)),
    prunedByPartition: files.filter((_, index) => !isKept(index, 0)).length,
    prunedByBounds: files.filter((_, index) => isKept(index, 0) && !isKept(index, 1)).length,
  }
}

/** For each file, in order, whether its partition and whether its bounds let a row pass. */
async function judge(
  session: Session,
  state: { readonly table: TableDetail; readonly schema: Schema; readonly files: readonly LiveFile[] },
  predicates: readonly Predicate[],
  columns: readonly PredicateColumn[],
): Promise<readonly (readonly DuckDBValue[])[]> {
  const { connection } = session
  const types = await literalTypes(session, predicates)
  const typeOf = (literal: Literal) => types.get(literal.sql) ?? ''
  const buckets = bucketFields(state)
  const bucketValues = await bucketsOf(session, predicates, { buckets, typeOf })
  await fillStatistics(session, state, columns, buckets)
  const anyOf = (conditions: readonly (string | undefined)[]) =>
    conditions.every(condition => condition !== undefined) ? conditions.join(' OR ') : 'true'
  const byPartition = predicates.map(predicate =>
    keepCondition(predicate, {
      names: ({ id }) => ({
        lower: `p_lower_${id}`,
        upper: `p_upper_${id}`,
        nulls: 'NULL::BIGINT',
        onlyNulls: `p_only_nulls_${id}`,
      }),
      typeOf,
      equality: ({ id }, literal) =>
        buckets
          .filter(field => field.sourceId === id)
          .flatMap(field => {
            const bucket = bucketValues.get(bucketKey(field, literal))
            return bucket === undefined ? [] : [`bucket_${field.fieldId} = ${bucket}`]
          }),
    }),
  )
  const byBounds = predicates.map(predicate =>
    keepCondition(predicate, {
      names: ({ id }) => ({
        lower: `lower_${id}`,
        upper: `upper_${id}`,
        nulls: `nulls_${id}`,
        onlyNulls: `only_nulls_${id}`,
      }),
      typeOf,
    }),
  )
  const result = await connection.runAndReadAll(
    `SELECT ${anyOf(byPartition)}, ${anyOf(byBounds)} FROM ${STATISTICS} ORDER BY file_index`,
  )
  await connection.run(`DROP TABLE ${STATISTICS}`)
  return result.getRows()
}

async function fillStatistics(
  { duckdb, connection }: Session,
  { table, schema, files }: Parameters<typeof chooseFiles>[1],
  columns: readonly PredicateColumn[],
  buckets: readonly BoundPartitionField[],
): Promise<void> {
  const definitions = columns.flatMap(({ id, type }) => [
    ...[`lower_${id}`, `upper_${id}`, `p_lower_${id}`, `p_upper_${id}`].map(
      name => `${name} ${duckdbType(type)}`,
    ),
    `nulls_${id} BIGINT`,
    `only_nulls_${id} BOOLEAN`,
    `p_only_nulls_${id} BOOLEAN`,
  ])
  const bucketDefinitions = buckets.map(({ fieldId }) => `bucket_${fieldId} INTEGER`)
  await connection.run(
    `CREATE OR REPLACE TABLE ${STATISTICS} (file_index INTEGER, ${[...definitions, ...bucketDefinitions].join(', ')})`,
  )
  const appender = await connection.createAppender(STATISTICS)
  const append = (value: DuckDBValue | undefined, position: number) =>
    value === undefined || value === null
      ? appender.appendNull()
      : appender.appendValue(value, appender.columnType(position))
  const partitions = new Map(
    table.specs.map(spec => [spec.specId, { spec, fields: partitionType(spec, schema) }]),
  )
  for (const [index, file] of files.entries()) {
    const partition = partitions.get(file.specId)
    invariant(partition !== undefined, `the spec ${file.specId} of ${file.path} is one of its table`)
    const decoded = decodeDataFile(file.encoded, partition.spec, schema)
    const values: (DuckDBValue | undefined)[] = [index]
    for (const column of columns) {
      const known = columnStatistics(column, decoded, partition.fields)
      values.push(
        ...statisticsRow(known, decoded.recordCount, value =>
          value === undefined ? null : toDuckDBValue(duckdb, column.type, value),
        ),
      )
    }
    for (const bucket of buckets) {
      const at = partition.fields.findIndex(field => field.fieldId === bucket.fieldId)
      const value = at === -1 ? undefined : decoded.partition[at]
      values.push(typeof value === 'number' ? value : null)
    }
    for (const [position, value] of values.entries()) append(value, position)
    appender.endRow()
  }
  appender.closeSync()
}

/** In the order of the columns' definitions. */
function statisticsRow(
  { nullCount, bounds, partition }: ColumnStatistics,
  recordCount: bigint,
  convert: (value: PartitionValue | undefined) => DuckDBValue,
): readonly DuckDBValue[] {
  return [
    convert(bounds.lower),
    convert(bounds.upper),
    convert(partition.lower),
    convert(partition.upper),
    nullCount ?? null,
    nullCount === undefined ? null : nullCount === recordCount,
    partition.onlyNulls ?? null,
  ]
}

function columnsOf(predicates: readonly Predicate[]): readonly PredicateColumn[] {
  const columns = new Map<number, PredicateColumn>()
  for (const leaf of leavesOf(predicates)) columns.set(leaf.column.id, leaf.column)
  return [...columns.values()]
}

function* leavesOf(
  predicates: readonly Predicate[],
): Generator<Exclude<Predicate, { readonly parts: unknown }>> {
  for (const predicate of predicates) {
    if (predicate.kind === 'and' || predicate.kind === 'or') yield* leavesOf(predicate.parts)
    else yield predicate
  }
}

async function literalTypes(
  { connection }: Session,
  predicates: readonly Predicate[],
): Promise<ReadonlyMap<string, string>> {
  const literals = new Set<string>()
  for (const leaf of leavesOf(predicates)) if (leaf.kind === 'compare') literals.add(leaf.literal.sql)
  if (literals.size === 0) return new Map()
  const list = [...literals]
  const result = await connection.runAndReadAll(`SELECT ${list.map(sql => `typeof(${sql})`).join(', ')}`)
  const [row = []] = result.getRows()
  return new Map(list.map((sql, index) => [sql, String(row[index])]))
}

// ---- buckets ----------------------------------------------------------------------------------------------------

function bucketFields({
  table,
  schema,
}: {
  readonly table: TableDetail
  readonly schema: Schema
}): readonly BoundPartitionField[] {
  const all = table.specs.flatMap(spec => partitionType(spec, schema))
  const fields = all.filter(field => field.transform.kind === 'bucket')
  return [...new Map(fields.map(field => [field.fieldId, field])).values()]
}

function bucketKey(field: BoundPartitionField, literal: Literal): string {
  return `${field.fieldId} ${literal.sql}`
}

/**
 * The bucket that rows equal to a constant are in. Only where equal means the same value: a constant that the column's type holds
 * exactly, and no floating-point number, to which several integers may be equal.
 */
async function bucketsOf(
  { duckdb, connection }: Session,
  predicates: readonly Predicate[],
  context: {
    readonly buckets: readonly BoundPartitionField[]
    readonly typeOf: (literal: Literal) => string
  },
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const leaf of leavesOf(predicates)) {
    if (leaf.kind !== 'compare' || leaf.op !== '=') continue
    const { column, literal } = leaf
    const literalType = context.typeOf(literal)
    const fields = context.buckets.filter(field => field.sourceId === column.id)
    if (fields.length === 0 || !mayCompare(column.type, literal, literalType)) continue
    if (literalType === 'FLOAT' || literalType === 'DOUBLE') continue
    const cast = `TRY_CAST(${literal.sql} AS ${duckdbType(column.type)})`
    const result = await connection.runAndReadAll(`SELECT ${cast}, ${cast} = ${literal.sql}`)
    const [cell = null, isExact = null] = result.getRows()[0] ?? []
    const value = fromDuckDBValue(duckdb, column.type, cell)
    if (value === undefined || isExact !== true) continue
    for (const field of fields) {
      const bucket = applyTransform(field.transform, column.type, value)
      if (typeof bucket === 'number') found.set(bucketKey(field, literal), bucket)
    }
  }
  return found
}
