/**
 * The same records through DuckDB on one thread: `read_json` of NDJSON with the columns given, to Parquet with zstd at the level that
 * parquet-wasm has (1; DuckDB's own default of 3 would cost it speed).
 */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { IcebergType, Schema } from '../../shared/iceberg/schema.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { answerQuestions, cpuSeconds, peakRssBytes, type RunFigure } from './child.ts'

export type DuckdbQuestion =
  | { readonly kind: 'open'; readonly input: string; readonly output: string; readonly schema: Schema }
  /** Answers with a `RunFigure`. */
  | { readonly kind: 'run' }
  /** How many rows the last run's file and these files do not share, by the columns of the schema. */
  | { readonly kind: 'differences'; readonly paths: readonly string[] }
  | { readonly kind: 'peak' }

interface Opened {
  readonly connection: DuckDBConnection
  readonly question: Extract<DuckdbQuestion, { kind: 'open' }>
}

let opened: Opened | undefined

answerQuestions(async (question: DuckdbQuestion) => {
  if (question.kind === 'open') {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    opened = { connection, question }
    return undefined
  }
  if (question.kind === 'peak') return peakRssBytes()
  invariant(opened !== undefined, 'the database is opened first')
  return question.kind === 'run' ? await run(opened) : await differences(opened, question.paths)
})

async function run({ connection, question }: Opened): Promise<RunFigure> {
  const { input, output, schema } = question
  const columns = schema.fields.map(field => `${quoted(field.name)}: ${literal(duckdbType(field.type))}`)
  const source = `read_json(${literal(input)}, format = 'newline_delimited', columns = {${columns.join(', ')}})`
  const sql = `COPY (SELECT * FROM ${source}) TO ${literal(output)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)`
  const start = cpuSeconds()
  const result = await connection.run(sql)
  return { cpuSeconds: cpuSeconds() - start, rows: result.rowsChanged }
}

async function differences({ connection, question }: Opened, paths: readonly string[]): Promise<number> {
  const columns = question.schema.fields.map(field => quoted(field.name)).join(', ')
  const rows = (files: readonly string[]) =>
    `SELECT ${columns} FROM read_parquet([${files.map(literal).join(', ')}])`
  const [ours, theirs] = [rows(paths), rows([question.output])]
  const sql = `SELECT (SELECT count(*) FROM (${ours} EXCEPT ALL ${theirs})) + (SELECT count(*) FROM (${theirs} EXCEPT ALL ${ours}))`
  const [row] = (await connection.runAndReadAll(sql)).getRowsJS()
  return Number(row?.[0])
}

function duckdbType(type: IcebergType): string {
  switch (type.kind) {
    case 'boolean':
    case 'date':
    case 'double':
      return type.kind.toUpperCase()
    case 'int':
      return 'INTEGER'
    case 'long':
      return 'BIGINT'
    case 'string':
      return 'VARCHAR'
    case 'timestamptz':
      return 'TIMESTAMPTZ'
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`
    case 'list':
      return `${duckdbType(type.element)}[]`
    case 'struct':
      return `STRUCT(${type.fields.map(field => `${quoted(field.name)} ${duckdbType(field.type)}`).join(', ')})`
    default:
      throw new Error(`The bench has no DuckDB type for ${type.kind}`)
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
