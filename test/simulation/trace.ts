/** The last events of a world, for the message of a world that failed: of what only looks, fewer than of what changes something. */
const KEPT_LINES = 60
const KEPT_LOOKS = 12
const LOOKS =
  / call \d+ (metadata\.(list|load|count|sum|acquireLease|releaseLease|nowMs)\S*|queue\.\S+|(source|warehouse)\.(list|head|get)[^:]*): done$/

export interface Trace {
  note(line: string): void
  text(): string
}

/** TIDEWATER_SIMULATION_TRACE=1 prints every line as it comes. */
export function createTrace(nowMs: () => number, startMs: number): Trace {
  const lines: string[] = []
  const looks: string[] = []
  const printsAll = process.env.TIDEWATER_SIMULATION_TRACE === '1'
  return {
    note(line) {
      const stamped = `${((nowMs() - startMs) / 1000).toFixed(3).padStart(9)} s  ${line}`
      const isLook = LOOKS.test(line)
      const kept = isLook ? looks : lines
      kept.push(stamped)
      if (kept.length > (isLook ? KEPT_LOOKS : KEPT_LINES)) kept.shift()
      if (printsAll) process.stderr.write(`${stamped}\n`)
    },
    text: () => [...lines, ...looks].sort().join('\n'),
  }
}
