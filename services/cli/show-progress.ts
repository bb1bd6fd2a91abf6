/** Draws what a batch run reports on a terminal: a bar for each table, and its log above them. */
import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import type { Progress } from '../progress.ts'

export interface Bars {
  /** Whether the progress shows in the bars, so that no line has to tell it. */
  draw(progress: Progress): boolean
  writeLine(line: string): void
  /** Leaves the terminal as it was; harmless when called again. */
  stop(): void
}

interface TableBar {
  readonly bar: SingleBar
  rows: bigint
  deadLetters: bigint
}

export function showBars(): Bars {
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
  return {
    draw(progress) {
      if (progress.kind === 'planned') {
        const { bar } = barOf(progress.table)
        bar.setTotal(bar.getTotal() + progress.tasks)
      } else if (progress.kind === 'committed') {
        const shown = barOf(progress.table)
        shown.rows += progress.rowCount
        shown.deadLetters += progress.deadLetterCount
        shown.bar.increment(1, { rows: shown.rows, deadLetters: shown.deadLetters })
      } else return false
      return true
    },
    writeLine: line => {
      multi.log(`${line}\n`)
    },
    stop: () => multi.stop(),
  }
}
