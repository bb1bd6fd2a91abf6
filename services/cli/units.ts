/** Sizes, ages and times as people read them. */

const STEPS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const
const STEP = 1024

/** `512 B`, `4.5 MiB`. */
export function sizeText(bytes: bigint): string {
  if (bytes < STEP) return `${bytes} B`
  let size = Number(bytes)
  let unit: (typeof STEPS)[number] = 'KiB'
  for (const next of STEPS) {
    size /= STEP
    unit = next
    // 1023.96 KiB would be printed as 1024.0.
    if (size < STEP - 0.05) break
  }
  return `${size.toFixed(1)} ${unit}`
}

const AGES = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const

/** `2.5 s old`, `4.2 d old`; a producer's clock may be ahead of ours: `3.0 min ahead`. */
export function ageText(ms: number): string {
  return ms < 0 ? `${durationText(-ms)} ahead` : `${durationText(ms)} old`
}

/** `2.5 s`, `4.2 d`. */
export function durationText(ms: number): string {
  for (const [unitMs, unit] of AGES) if (ms >= unitMs) return `${(ms / unitMs).toFixed(1)} ${unit}`
  return `${(ms / 1000).toFixed(1)} s`
}

/** A count with the word for it: `1 file`, `12 files`. */
export function counted(count: number | bigint, one: string, many = `${one}s`): string {
  return `${count} ${BigInt(count) === 1n ? one : many}`
}
