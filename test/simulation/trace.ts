/** The last events of a world, for the message of a world that failed. */
const KEPT_LINES = 60

export interface Trace {
  note(line: string): void
  text(): string
}

/** TIDEWATER_SIMULATION_TRACE=1 prints every line as it comes. */
export function createTrace(nowMs: () => number, startMs: number): Trace {
  const lines: string[] = []
  const printsAll = process.env.TIDEWATER_SIMULATION_TRACE === '1'
  return {
    note(line) {
      const stamped = `${((nowMs() - startMs) / 1000).toFixed(3).padStart(9)} s  ${line}`
      lines.push(stamped)
      if (lines.length > KEPT_LINES) lines.shift()
      if (printsAll) process.stderr.write(`${stamped}\n`)
    },
    text: () => lines.join('\n'),
  }
}
