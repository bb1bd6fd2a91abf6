/** From text to one statement that only reads, with its syntax tree. DuckDB's parser judges; nothing is bound or run here. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { parseExactJson } from '../../shared/iceberg/exact-json.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { isNode, nodesOfType, type SyntaxNode, textAt } from './syntax-tree.ts'

export interface Statement {
  /** run: for its rows · explain: what it would read, and the plan · analyze: run, and the plan with what was measured. */
  readonly kind: 'run' | 'explain' | 'analyze'
  /** Without EXPLAIN in front of it. */
  readonly sql: string
  readonly tree: SyntaxNode
}

/** `SHOW TABLES` has no table in DuckDB's sense to show: what there is stands in this one. */
const SHOW_TABLES = 'SELECT * FROM _tidewater.tables'

/** Throws `sql-invalid` and `sql-refused`. `text` holds one statement, without its semicolon. */
export async function parseStatement(connection: DuckDBConnection, text: string): Promise<Statement> {
  const { kind, sql } = takeExplain(withoutLeadingComments(text))
  const tree = await parse(connection, sql)
  const showsTables = [...nodesOfType(tree, 'SHOW_REF')].some(node => !isNode(node.query))
  if (!showsTables) return { kind, sql, tree }
  return { kind, sql: SHOW_TABLES, tree: await parse(connection, SHOW_TABLES) }
}

async function parse(connection: DuckDBConnection, sql: string): Promise<SyntaxNode> {
  const result = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql])
  const tree = parseExactJson(String(result.getRows()[0]?.[0]), 'the syntax tree of a statement')
  if (!isNode(tree)) throw invalid('DuckDB gave no syntax tree for it.')
  if (tree.error === true) throw errorOf(tree, sql)
  if (!Array.isArray(tree.statements) || tree.statements.length !== 1)
    throw invalid(
      `expected one statement, found ${Array.isArray(tree.statements) ? tree.statements.length : 0}.`,
    )
  return tree
}

function errorOf(tree: SyntaxNode, sql: string): AppError {
  if (textAt(tree, 'error_type') !== 'parser') {
    const verb = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toUpperCase() ?? 'Such'
    return new AppError({
      code: 'sql-refused',
      next: 'fatal',
      message: `${verb} statements are refused: tidewater query only reads tables. It takes SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN.`,
    })
  }
  const message = textAt(tree, 'error_message')
  const position = Number(textAt(tree, 'position'))
  return invalid(Number.isInteger(position) ? `${message}\n${pointAt(sql, position)}` : message)
}

function invalid(problem: string): AppError {
  return new AppError({
    code: 'sql-invalid',
    next: 'fatal',
    message: `The statement cannot be read: ${problem}`,
  })
}

/** The line with the error, and a caret below it. */
function pointAt(sql: string, position: number): string {
  const start = sql.lastIndexOf('\n', position - 1) + 1
  const end = sql.indexOf('\n', position)
  const line = sql.slice(start, end === -1 ? undefined : end)
  return `  ${line}\n  ${' '.repeat(position - start)}^`
}

function withoutLeadingComments(text: string): string {
  return text.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '').trimEnd()
}

function takeExplain(sql: string): Pick<Statement, 'kind' | 'sql'> {
  const explain = /^explain\s+(analyze\s+)?/i.exec(sql)
  if (explain === null) return { kind: 'run', sql }
  return { kind: explain[1] === undefined ? 'explain' : 'analyze', sql: sql.slice(explain[0].length) }
}
