/** Writing to the terminal: results on standard output, everything else on standard error. */
import { stringifyExactJson } from '../../shared/iceberg/exact-json.ts'
import { AppError } from '../../shared/runtime/errors.ts'

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Integers beyond 2^53 stay exact in the text. */
export function printJson(value: unknown): void {
  print(stringifyExactJson(value))
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function printError(error: unknown): void {
  note(errorText(error))
}

export function errorText(error: unknown): string {
  if (error instanceof AppError) return `tidewater: ${error.message} [${error.code}]`
  return `tidewater: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

/** `tidewater segment cat … | head` closes the pipe early; that is no failure. */
export function closeQuietlyOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

/** Columns padded to their widest cell; numbers to the right. */
export function table(rows: readonly (readonly (string | number | bigint)[])[]): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, String(cell).length)
  return rows
    .map(row =>
      row
        .map((cell, i) =>
          typeof cell === 'string' ? cell.padEnd(widths[i] ?? 0) : String(cell).padStart(widths[i] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
