/** Runs what it is given with at most `limit` under way at once; the others wait in line. The line is as long as its callers let it grow. */
export function boundedRunner(limit: number): <T>(run: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = limit
  return async run => {
    if (free > 0) free--
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await run()
    } finally {
      // Whoever is next takes this one's place, so that nobody who comes later can overtake.
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}
