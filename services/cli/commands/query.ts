/** `tidewater query`: one statement, a file of them, those of standard input, or a shell. */
import { readFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { parseSizeBytes } from '../../../shared/config/scalars.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import type { StoreParts } from '../../parts.ts'
import { DEFAULT_FETCH_BYTES } from '../../query/data-places.ts'
import { DEFAULT_MEMORY_BYTES, DEFAULT_SPILL_BYTES, loadDuckDB, MAX_THREADS } from '../../query/duckdb.ts'
import { explanationText } from '../../query/explanation-text.ts'
import { openOutputFile } from '../../query/output-file.ts'
import { type QueryContext, type QueryOptions, runStatement } from '../../query/run-statement.ts'
import { isBlank, splitStatements } from '../../query/split-statements.ts'
import type { TimeTravel } from '../../query/table-state.ts'
import { type TextFormat, writeRows } from '../../query/write-rows.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withStores } from '../load-config-file.ts'
import { runQueryShell } from '../query-shell.ts'
import { onStopSignal } from '../stop-signal.ts'
import { note, print } from '../terminal.ts'

interface CommandOptions extends ConfigOption {
  readonly file?: string
  readonly format?: TextFormat | 'parquet'
  readonly output?: string
  readonly limit: number | 'none'
  readonly explain?: boolean
  readonly snapshot?: bigint
  readonly at?: string
  readonly memory?: string
  readonly maxFetch?: string
  readonly threads?: number
}

export async function query(options: CommandOptions, sql?: string): Promise<ExitCode> {
  const duckdb = await loadDuckDB()
  const settings = settingsOf(options)
  return await withStores(options, async ({ metadata, warehouse, runtime }: StoreParts) => {
    const context: QueryContext = { duckdb, metadata, warehouse, runtime, temporaryRoot: tmpdir() }
    if (sql === undefined && options.file === undefined && process.stdin.isTTY)
      return await runQueryShell({
        input: process.stdin,
        output: process.stdout,
        tableNames: async () => (await metadata.listTables()).map(table => table.name),
        run: (statement, signal) => runOne(context, statement, options, { ...settings, signal }),
      })
    const statements = statementsOf(await textOf(sql, options.file))
    if (options.output !== undefined && statements.length !== 1)
      throw usage(`--output takes the rows of one statement, and there are ${statements.length}.`)
    const stop = new AbortController()
    const forget = onStopSignal(() => stop.abort())
    try {
      for (const statement of statements)
        await runOne(context, statement, options, { ...settings, signal: stop.signal })
    } finally {
      forget()
    }
    return EXIT.done
  })
}

async function textOf(sql: string | undefined, file: string | undefined): Promise<string> {
  if (sql !== undefined && file !== undefined) throw usage('Give a statement or --file, not both.')
  if (sql !== undefined) return sql
  if (file !== undefined) {
    try {
      return await readFile(file, 'utf8')
    } catch (cause) {
      throw usage(`--file ${file} cannot be read: ${messageOf(cause)}.`)
    }
  }
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  return text
}

function statementsOf(text: string): readonly string[] {
  const { statements, rest } = splitStatements(text)
  const all = isBlank(rest) ? statements : [...statements, rest]
  if (all.length === 0) throw usage('There is no statement to run.')
  return all
}

// ---- one statement ----------------------------------------------------------------------------------------------

async function runOne(
  context: QueryContext,
  statement: string,
  options: CommandOptions,
  settings: Omit<QueryOptions, 'parquet'>,
): Promise<void> {
  const rowLimit = options.limit === 'none' ? undefined : options.limit
  const format = options.format ?? 'table'
  const parquet =
    format === 'parquet' && options.output !== undefined ? { path: options.output, rowLimit } : undefined
  await runStatement(
    context,
    statement,
    { ...settings, ...(parquet !== undefined && { parquet }) },
    async outcome => {
      if (outcome.kind === 'explained') return print(explanationText(outcome))
      const written =
        outcome.kind === 'written' || format === 'parquet'
          ? outcome
          : await toOutput(options.output, context.runtime, write =>
              writeRows(context.duckdb, outcome.result, {
                format,
                rowLimit,
                terminal: options.output === undefined && process.stdout.isTTY === true,
                write,
              }),
            )
      if ('cut' in written && written.cut)
        note(
          `There are more rows than the ${rowLimit} that --limit lets through; --limit none gives all of them.`,
        )
    },
  )
}

async function toOutput<T>(
  path: string | undefined,
  runtime: QueryContext['runtime'],
  produce: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  if (path === undefined) return await produce(toStandardOutput)
  const file = await openOutputFile(path, runtime.uuid())
  try {
    const produced = await produce(file.append)
    await file.keep()
    return produced
  } finally {
    await file.discard()
  }
}

async function toStandardOutput(text: string): Promise<void> {
  await new Promise<void>((done, failed) => {
    process.stdout.write(text, error => (error ? failed(error) : done()))
  })
}

// ---- options ----------------------------------------------------------------------------------------------------

function settingsOf(options: CommandOptions): Omit<QueryOptions, 'parquet' | 'signal'> {
  if (options.format === 'parquet' && options.output === undefined)
    throw usage('--format parquet needs --output <file>.')
  const travel = travelOf(options)
  const threads = options.threads ?? availableParallelism()
  if (threads < 1) throw usage('--threads: expected 1 or more.')
  return {
    limits: {
      memoryBytes: sizeOf('--memory', options.memory) ?? DEFAULT_MEMORY_BYTES,
      threads: Math.min(threads, MAX_THREADS),
      spillBytes: DEFAULT_SPILL_BYTES,
      fetchBytes: sizeOf('--max-fetch', options.maxFetch) ?? DEFAULT_FETCH_BYTES,
    },
    ...(travel !== undefined && { travel }),
    ...(options.explain === true && { explain: true }),
  }
}

/** Day, time, zone. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/

function travelOf({ snapshot, at }: CommandOptions): TimeTravel | undefined {
  if (snapshot !== undefined && at !== undefined) throw usage('Give --snapshot or --at, not both.')
  if (snapshot !== undefined) return { kind: 'snapshot', snapshotId: snapshot }
  if (at === undefined) return undefined
  // Without a zone, UTC: what is typed means the same on every machine. A day alone is in UTC already.
  const [, day, time, zone = 'Z'] = TIME.exec(at) ?? []
  const timestampMs = Date.parse(time === undefined ? `${day}` : `${day}T${time}${zone}`)
  if (Number.isNaN(timestampMs)) throw usage(`--at ${at}: expected a time such as 2026-02-03T04:05:06Z.`)
  return { kind: 'at', timestampMs }
}

function sizeOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const parsed = parseSizeBytes(text)
  if (!parsed.ok) throw usage(`${option} ${text}: expected ${parsed.expected}.`)
  return parsed.value
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function usage(message: string): AppError {
  return new AppError({ code: 'query-option-invalid', next: 'fatal', message })
}
