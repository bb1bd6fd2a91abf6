/** Writes a result as it comes, in one of the text formats, up to a number of rows. */
import type { DuckDBResult, DuckDBType, DuckDBValue } from '@duckdb/node-api'
import type { DuckDB } from './duckdb.ts'
import { jsonText, plainText } from './value-text.ts'

export type TextFormat = 'table' | 'json' | 'csv'

export interface WriteOptions {
  readonly format: TextFormat
  readonly rowLimit: number | undefined
  /** Wide cells are cut, and null is dimmed. */
  readonly terminal: boolean
  /** Text that ends with a line feed. */
  readonly write: (text: string) => Promise<void>
}

/** Rows that a table's column widths are taken from; a longer table is laid out block by block. */
const ROWS_PER_BLOCK = 1000
const MAX_CELL_ON_TERMINAL = 60
const DIM = ['\u001b[2m', '\u001b[22m'] as const

export async function writeRows(
  duckdb: DuckDB,
  result: DuckDBResult,
  options: WriteOptions,
): Promise<{ readonly rowCount: number; readonly cut: boolean }> {
  const types = result.columnTypes()
  const layout = {
    table: () => tableLayout(duckdb, result, options.terminal),
    json: () => jsonLayout(duckdb, result.deduplicatedColumnNames(), types),
    csv: () => csvLayout(duckdb, result.columnNames(), types),
  }[options.format]()
  let rowCount = 0
  let block: (readonly DuckDBValue[])[] = []
  const flush = async () => {
    const text = layout(block)
    block = []
    if (text !== '') await options.write(text)
  }
  let cut = false
  for await (const rows of result.yieldRows()) {
    for (const row of rows) {
      cut = rowCount === options.rowLimit
      if (cut) break
      rowCount++
      block.push(row)
      if (block.length === ROWS_PER_BLOCK) await flush()
    }
    if (cut) break
  }
  if (rowCount === 0 || block.length > 0) await flush()
  return { rowCount, cut }
}

/** Takes rows, gives lines; the first call also gives what stands above them. */
type Layout = (rows: readonly (readonly DuckDBValue[])[]) => string

function jsonLayout(duckdb: DuckDB, names: readonly string[], types: readonly DuckDBType[]): Layout {
  const keys = names.map(name => JSON.stringify(name))
  const member = (value: DuckDBValue, index: number) =>
    `${keys[index]}:${jsonText(duckdb, types[index] ?? duckdb.ANY, value)}`
  return rows => rows.map(row => `{${row.map(member).join(',')}}\n`).join('')
}

/** RFC 4180, with line feeds. Null is an empty field, an empty text a quoted one. */
function csvLayout(duckdb: DuckDB, names: readonly string[], types: readonly DuckDBType[]): Layout {
  let header = `${names.map(csvField).join(',')}\n`
  const cell = (value: DuckDBValue, index: number) =>
    value === null ? '' : csvField(plainText(duckdb, types[index] ?? duckdb.ANY, value))
  return rows => {
    const text = header + rows.map(row => `${row.map(cell).join(',')}\n`).join('')
    header = ''
    return text
  }
}

function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function tableLayout(duckdb: DuckDB, result: DuckDBResult, terminal: boolean): Layout {
  const types = result.columnTypes()
  const names = result.columnNames().map(visible)
  const toRight = types.map(type => NUMERIC.has(duckdb.DuckDBTypeId[type.typeId]))
  let isFirst = true
  const cell = (value: DuckDBValue, index: number): string => {
    if (value === null) return 'NULL'
    const text = visible(plainText(duckdb, types[index] ?? duckdb.ANY, value))
    // A text that reads like a null is told from one.
    return cutTo(text === 'NULL' || text === '' ? JSON.stringify(text) : text, terminal)
  }
  return rows => {
    const cells = rows.map(row => row.map(cell))
    const widths = names.map((name, index) =>
      Math.max(name.length, ...cells.map(row => [...(row[index] ?? '')].length)),
    )
    const pad = (text: string, index: number): string => {
      const spaces = ' '.repeat((widths[index] ?? 0) - [...text].length)
      return toRight[index] === true ? spaces + text : text + spaces
    }
    const lines = rows.map((row, line) =>
      row.map((value, index) => {
        const padded = pad(cells[line]?.[index] ?? '', index)
        return value === null && terminal ? `${DIM[0]}${padded}${DIM[1]}` : padded
      }),
    )
    const above = isFirst ? [names.map(pad), widths.map(width => '-'.repeat(width))] : []
    isFirst = false
    return [...above, ...lines].map(line => `${line.join('  ').trimEnd()}\n`).join('')
  }
}

const NUMERIC = new Set<string | undefined>([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'UHUGEINT',
  'FLOAT',
  'DOUBLE',
  'DECIMAL',
])

/** Control characters would break the lines, or command the terminal. */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it is about.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, character =>
    character === '\n'
      ? '\\n'
      : character === '\t'
        ? '\\t'
        : character === '\r'
          ? '\\r'
          : unicodeEscape(character),
  )
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function cutTo(text: string, terminal: boolean): string {
  const characters = terminal && text.length > MAX_CELL_ON_TERMINAL ? [...text] : []
  return characters.length > MAX_CELL_ON_TERMINAL
    ? `${characters.slice(0, MAX_CELL_ON_TERMINAL - 1).join('')}…`
    : text
}
