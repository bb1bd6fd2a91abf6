/** Draws what a run reports: bars on a terminal, plain lines elsewhere. */
import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import { describeProgress, type Progress, type Report } from '../progress.ts'
import { note } from './terminal.ts'

export interface Display {
  readonly report: Report
  /** Leaves the terminal as it was; harmless when called again. */
  stop(): void
}

export function showProgress({ bars }: { readonly bars: boolean }): Display {
  return bars ? showBars() : { report: progress => say(progress, note), stop() {} }
}

function say(progress: Progress, write: (line: string) => void): void {
  const line = describeProgress(progress)
  if (line !== undefined) write(line)
}

interface TableBar {
  readonly bar: SingleBar
  rows: bigint
  deadLetters: bigint
}

function showBars(): Display {
  const multi = new MultiBar(
    {
      format: '{table} [{bar}] {value}/{total} tasks · {rows} rows · {deadLetters} dead letters',
      hideCursor: true,
      clearOnComplete: false,
      stream: process.stderr,
    },
    Presets.legacy,
  )
  const tables = new Map<string, TableBar>()
  const barOf = (name: string): TableBar => {
    const known = tables.get(name)
    if (known !== undefined) return known
    const created = {
      bar: multi.create(0, 0, { table: name, rows: 0n, deadLetters: 0n }),
      rows: 0n,
      deadLetters: 0n,
    }
    tables.set(name, created)
    return created
  }
  const draw = (progress: Progress) => {
    if (progress.kind === 'planned') {
      const { bar } = barOf(progress.table)
      bar.setTotal(bar.getTotal() + progress.tasks)
    } else if (progress.kind === 'committed') {
      const shown = barOf(progress.table)
      shown.rows += progress.rowCount
      shown.deadLetters += progress.deadLetterCount
      shown.bar.increment(1, { rows: shown.rows, deadLetters: shown.deadLetters })
    } else say(progress, line => multi.log(`${line}\n`))
  }
  return { report: draw, stop: () => multi.stop() }
}
