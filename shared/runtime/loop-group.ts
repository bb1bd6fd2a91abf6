/** Work that runs side by side until one of it fails, or all is told to stop: nothing of a group outlives `run`. */

export interface LoopGroup {
  /** Starts work that ends soon after its signal aborts. What fails stops the whole group. */
  start(work: (signal: AbortSignal) => Promise<void>): void
  /**
   * Runs `body` beside the rest, then stops the group and waits until all of it has ended. Throws the first failure of any of it: what
   * stopped the others is the cause.
   */
  run<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/** A group that also stops when `outer` aborts. */
export function createLoopGroup(outer: AbortSignal): LoopGroup {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []

  const fail = (error: unknown) => {
    failures.push(error)
    stop.abort()
  }
  return {
    start(work) {
      const ended = work(signal)
        .catch(fail)
        .finally(() => running.delete(ended))
      running.add(ended)
    },
    async run(body) {
      const result = await body(signal).then(
        value => ({ value }),
        (error: unknown) => {
          fail(error)
          return undefined
        },
      )
      stop.abort()
      while (running.size > 0) await Promise.all(running)
      if (result === undefined || failures.length > 0) throw failures[0]
      return result.value
    },
  }
}

/** Resolves once it aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
