/**
 * Like `Promise.all(items.map(run))`, with at most `limit` of them under way at once. Results keep the order of the items.
 * The first rejection stops further starts and is thrown once those under way have ended, so that nothing runs on behind the caller.
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  run: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length)
  const entries = items.entries()
  let failure: { readonly error: unknown } | undefined
  const lane = async () => {
    for (const [position, item] of entries) {
      if (failure !== undefined) return
      try {
        results[position] = await run(item)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane))
  if (failure !== undefined) throw failure.error
  return results
}
