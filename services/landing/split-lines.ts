/** Cuts a stream of bytes into lines. Memory is bounded by the longest line allowed. */
import { AppError } from '../../shared/runtime/errors.ts'

/** No producer's request would carry a larger record. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/**
 * The lines of each chunk together, without their ends; a last line needs no line feed. Empty lines come too, so that
 * lines can be counted. Errors: `land-line-too-long`.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  let lineNumber = 1
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const piece = chunk.subarray(start, end)
      lines.push(withoutReturn(pending.length === 0 ? piece : joined([...pending, piece])))
      lineNumber++
      pending = []
      pendingBytes = 0
      start = end + 1
    }
    if (start < chunk.byteLength) {
      pending.push(chunk.subarray(start))
      pendingBytes += chunk.byteLength - start
      if (pendingBytes > MAX_LINE_BYTES) throw lineTooLong(lineNumber)
    }
    if (lines.length > 0) yield lines
  }
  if (pendingBytes > 0) yield [withoutReturn(joined(pending))]
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces))
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}

function lineTooLong(lineNumber: number): AppError {
  return new AppError({
    code: 'land-line-too-long',
    next: 'fatal',
    message: `Reading line ${lineNumber}: expected a line feed within ${MAX_LINE_BYTES} bytes, found none. Is the input NDJSON, one JSON value a line?`,
    details: { lineNumber },
  })
}
