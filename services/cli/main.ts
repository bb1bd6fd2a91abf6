/** The command line. Each command lives in `commands/`; this file only says what there is. Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 see `plan`. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { MAX_WORKERS } from '../../shared/config/config.ts'
import { parseStages, STAGES, type Stage } from '../stages.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts'
import { packageVersion } from './package-version.ts'
import { closeQuietlyOnBrokenPipe, printError } from './terminal.ts'

const DEFAULT_CONFIG = 'tidewater.yaml'

async function main(argv: readonly string[]): Promise<ExitCode> {
  closeQuietlyOnBrokenPipe()
  let exitCode: ExitCode = EXIT.done
  /** Options of the command, with those of the program (`--config`) among them. */
  const runs =
    <O>(load: () => Promise<(options: O, ...args: string[]) => Promise<ExitCode>>) =>
    async (...given: unknown[]) => {
      const self = given.at(-1)
      if (!(self instanceof Command)) throw new TypeError('commander passes the command last')
      const command = await load()
      // Commander has checked the options against their declarations below, which is all that O says.
      exitCode = await command(self.optsWithGlobals() as O, ...self.args)
    }
  try {
    await buildProgram(runs).parseAsync(argv)
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    printError(error)
    return exitCodeOf(error)
  }
}

/** Each command is loaded when it is asked for: help and mistakes are answered at once. */
type Runs = <O>(
  load: () => Promise<(options: O, ...args: string[]) => Promise<ExitCode>>,
) => (...given: unknown[]) => Promise<void>

function buildProgram(runs: Runs): Command {
  const program = new Command('tidewater')
    .description(
      'Turns Kafka topics landed as .kfs segments into Apache Iceberg tables, each record exactly once.',
    )
    .version(packageVersion())
    .option('-c, --config <path>', 'configuration file', DEFAULT_CONFIG)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })

  program
    .command('run')
    .description('convert, commit and publish every table of the configuration, until stopped')
    .option(
      '--once',
      'take the segments that have landed, and end: 0 only if all of them are committed and published',
    )
    .addOption(
      new Option('--stages <names>', `only these stages, with commas between them (${STAGES.join(',')})`)
        .argParser(stageNames)
        .conflicts('once'),
    )
    .option('--concurrency <n>', 'tasks converted at once; default limits.workers', concurrency)
    .action(runs(async () => (await import('./commands/run.ts')).run))
  program
    .command('validate')
    .description('check the configuration: every mistake at once, with its line')
    .action(runs(async () => (await import('./commands/validate.ts')).validate))
  program
    .command('plan')
    .description('what the next run would make of the configuration, as a diff; changes nothing')
    .option('--json', 'as JSON')
    .option('--exit-code', 'exit with 3 when there are changes')
    .action(runs(async () => (await import('./commands/show-plan.ts')).showPlan))
  program
    .command('status')
    .description('how far each table and partition has come')
    .option('--json', 'as JSON')
    .action(runs(async () => (await import('./commands/status.ts')).status))
  addEvents(program, runs)
  addTableCommands(program, runs)
  program
    .command('audit')
    .description('recompute from files and segments that each offset is accounted for exactly once')
    .argument('[tables...]', 'tables to audit; all of them without')
    .option('--json', 'as JSON')
    .action(runs(async () => (await import('./commands/audit.ts')).audit))
  addQuery(program, runs)
  addSegmentCommands(program, runs)
  addLand(program, runs)
  addDeadLetterCommands(program, runs)
  addOperatorCommands(program, runs)
  return program
}

function addEvents(program: Command, runs: Runs): void {
  program
    .command('events')
    .description('what happened that a person may have to act on, and what to do about it')
    .option('--follow', 'go on with what comes, until interrupted')
    .option('--type <types>', 'only these types, with commas between them')
    .option('--severity <severities>', 'only these: error, warning, info')
    .option('--table <name>', 'only events of this table')
    .option('--limit <n>', 'at most this many of the newest', wholeNumber, 20)
    .option('--json', 'one CloudEvent a line')
    .action(runs(async () => (await import('./commands/events.ts')).events))
}

function addTableCommands(program: Command, runs: Runs): void {
  program
    .command('tables')
    .description('every table in a line: rows, files, size, snapshots, freshness, catalogs')
    .option('--json', 'as JSON')
    .action(runs(async () => (await import('./commands/tables.ts')).tables))
  const table = program.command('table').description('look at one table')
  table
    .command('show')
    .description('schema, partitions, files, snapshots, sources and catalogs of a table')
    .argument('<table>')
    .option('--files', 'list data files, the newest first')
    .option('--partitions', 'list more than a few partitions, the last written first')
    .option('--snapshots', 'list more than a few snapshots, the newest first')
    .option('--limit <n>', 'at most this many of each', wholeNumber, 100)
    .option('--json', 'as JSON')
    .action(runs(async () => (await import('./commands/tables.ts')).tableShow))
}

function addQuery(program: Command, runs: Runs): void {
  program
    .command('query')
    .description('query tables with SQL (DuckDB); an interactive shell without a statement')
    .argument('[sql]', 'one or more statements; those of standard input without, where it is no terminal')
    .option('--file <path>', 'take the statements from a file')
    .addOption(
      new Option('--format <format>', 'how rows are written')
        .choices(['table', 'json', 'csv', 'parquet'])
        .default('table'),
    )
    .option('--output <path>', 'write the rows into this file')
    .option('--limit <n|none>', 'rows let through; none for all', rowLimit, 1000)
    .option('--explain', 'only say what would be read, and the plan')
    .option('--snapshot <id>', 'see the one table that is named as of this snapshot', offset)
    .option('--at <time>', 'see the one table that is named as it was at this time')
    .option('--max-fetch <size>', 'bytes of data files fetched from object storage at most; default 4GiB')
    .option('--memory <size>', "DuckDB's memory; default 1GiB")
    .option('--threads <n>', "DuckDB's threads; default as many as processors", wholeNumber)
    .action(runs(async () => (await import('./commands/query.ts')).query))
}

function addSegmentCommands(program: Command, runs: Runs): void {
  const segment = program.command('segment').description('look into a segment')
  segment
    .command('inspect')
    .description('header, batches, codecs and checksums')
    .argument('<url>', 'path or URL of a .kfs object')
    .action(runs(async () => (await import('./commands/segment.ts')).segmentInspect))
  segment
    .command('cat')
    .description('its records, one JSON object a line')
    .argument('<url>', 'path or URL of a .kfs object')
    .action(runs(async () => (await import('./commands/segment.ts')).segmentCat))
}

function addLand(program: Command, runs: Runs): void {
  program
    .command('land')
    .description('land lines of standard input (NDJSON) as segments of a topic, for trials and backfills')
    .argument('<topic>')
    .option('--source <name>', 'source of the configuration to land in; the only one without')
    .option('--to <url>', 'land in this folder or bucket instead, without a configuration')
    .option('--partitions <n>', 'partitions to spread the lines over', wholeNumber, 1)
    .option('--key <json path>', 'field of each line that becomes the record key, for example customer.id')
    .addOption(
      new Option('--codec <codec>', 'compression of the batches')
        .choices(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
        .default('zstd'),
    )
    .option('--segment-bytes <size>', 'cut a segment at about this size, for example 4MiB', '4MiB')
    .action(runs(async () => (await import('./commands/land.ts')).land))
}

function addDeadLetterCommands(program: Command, runs: Runs): void {
  const dlq = program.command('dlq').description('dead letters: records that could not become rows')
  dlq
    .command('ls')
    .description('dead letters by table, partition and reason')
    .argument('[tables...]')
    .option('--json', 'as JSON')
    .action(runs(async () => (await import('./commands/dlq.ts')).dlqLs))
  dlq
    .command('show')
    .description('the records themselves, with why each failed')
    .argument('<table>')
    .option('--limit <n>', 'at most this many', wholeNumber, 20)
    .option('--code <code>', 'only those with this error code')
    .option('--json', 'one JSON object a line')
    .action(runs(async () => (await import('./commands/dlq.ts')).dlqShow))
}

function addOperatorCommands(program: Command, runs: Runs): void {
  const why = ['--why <text>', 'the reason, kept in the event log'] as const
  const partition = ['--partition <n>', 'only this partition; the whole table without', wholeNumber] as const
  program
    .command('pause')
    .description('stop taking new work of a table or partition')
    .argument('<table>')
    .option(...partition)
    .requiredOption(...why)
    .action(runs(async () => (await import('./commands/operate.ts')).pause))
  program
    .command('resume')
    .description('go on with what was paused or stopped')
    .argument('<table>')
    .option(...partition)
    .requiredOption(...why)
    .action(runs(async () => (await import('./commands/operate.ts')).resume))
  program
    .command('skip-to')
    .description(
      'give up the offsets of a partition from its watermark up to an offset, and go on from there',
    )
    .argument('<table>')
    .requiredOption('--partition <n>', 'the partition', wholeNumber)
    .requiredOption('--offset <n>', 'the first offset to take again', offset)
    .option('--force', 'also beyond the last offset that the segments hold')
    .requiredOption(...why)
    .action(runs(async () => (await import('./commands/operate.ts')).skipTo))
  program
    .command('unpark')
    .description('try a parked task again')
    .argument('<task id>')
    .requiredOption(...why)
    .action(runs(async () => (await import('./commands/operate.ts')).unpark))
}

function stageNames(text: string): ReadonlySet<Stage> {
  const parsed = parseStages(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.message)
  return parsed.stages
}

function concurrency(text: string): number {
  const count = wholeNumber(text)
  if (count < 1 || count > MAX_WORKERS) throw new InvalidArgumentError(`Expected 1 to ${MAX_WORKERS}.`)
  return count
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number')
  return Number(text)
}

function rowLimit(text: string): number | 'none' {
  return text === 'none' ? text : wholeNumber(text)
}

function offset(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError('expected an offset')
  return BigInt(text)
}

process.exitCode = await main(process.argv)
