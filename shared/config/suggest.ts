/** "Did you mean": the known word nearest to what was written. */

/** Words farther apart than this share of their length are not taken for typing errors. */
const MAX_RELATIVE_DISTANCE = 0.4
const MAX_WORD_LENGTH = 64

/** The nearest candidate, or `undefined` when none is near. Case and the choice between `-` and `_` cost nothing. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_WORD_LENGTH) return undefined
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const distance = editDistance(normalize(word), normalize(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best === undefined) return undefined
  const limit = Math.max(1, Math.floor(Math.max(word.length, best.length) * MAX_RELATIVE_DISTANCE))
  return bestDistance <= limit && bestDistance < best.length ? best : undefined
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(left: string, right: string): number {
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= left.length; i++) {
    const previous = rows[i - 1] ?? []
    const row = [i]
    for (let j = 1; j <= right.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced)
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        cost = Math.min(cost, (rows[i - 2]?.[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    rows.push(row)
  }
  return rows[left.length]?.[right.length] ?? 0
}

function normalize(word: string): string {
  return word.toLowerCase().replaceAll('-', '_')
}
