/**
 * Lets work run side by side, and some work alone. A task whose worker died is claimed and run alone in the next one: if it takes that
 * process down too, no other claim of the process is lost with it, and no other task is taken for the cause.
 */
export interface SoloGate {
  /** Waits for work that is alone, or waits to be. */
  shared<T>(work: () => Promise<T>): Promise<T>
  /** Waits until nothing else runs, in turn. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

export function createSoloGate(): SoloGate {
  const running = new Set<Promise<unknown>>()
  /** Work that is alone, or waits to be. */
  let aloneCount = 0
  /** Resolves once the last of it has ended. */
  let lastAlone: Promise<void> = Promise.resolve()

  return {
    async shared(work) {
      while (aloneCount > 0) await lastAlone
      const done = work()
      running.add(done)
      try {
        return await done
      } finally {
        running.delete(done)
      }
    },
    async alone(work) {
      const before = lastAlone
      const ended = Promise.withResolvers<void>()
      lastAlone = ended.promise
      aloneCount++
      await before
      await Promise.allSettled(running)
      try {
        return await work()
      } finally {
        aloneCount--
        ended.resolve()
      }
    },
  }
}
