/**
 * Decides per column whether a dictionary pays, from a small sample: building one for nearly distinct values costs about 8 % of the
 * encode and makes the file larger before the encoder gives up on it.
 *
 * The number of distinct values is estimated from how often the sample repeats itself (as in the birthday problem), because a sample of
 * a few thousand from ten thousand values looks nearly distinct although a dictionary would serve.
 * parquet-wasm can address only top-level columns; all nested leaves share one setting, decided by where more of their bytes are.
 */
import type { Column, ColumnBatch, FixedWidthColumn, VariableColumn } from '../columns/column.ts'
import { fixedWidthBytes } from '../columns/fixed-builder.ts'

/** Values looked at per column and file, and per batch; at most one slot in eight, so that runs of equal neighbours do not count. */
const MAX_SAMPLES = 4096
const MAX_SAMPLES_PER_BATCH = 1024
const MIN_STRIDE = 8
/** A dictionary that would grow past this is left out; parquet-rs gives up at 1 MiB. */
const MAX_DICTIONARY_BYTES = 512 * 1024
/**
 * Dictionary and indexes must come to at most this share of the plain values. Above it, compression makes the plain values as small, and
 * looking each value up in a large table costs more than it saves: 100,000 distinct among 370,000 integers took six times as long.
 */
const MAX_SHARE_OF_PLAIN = 0.6
/** Each takes the encoder some 40 KiB from its first value on, in all columns at once; those beyond are written plain. */
const MAX_DICTIONARIES = 1000
/** Before each value of a PLAIN string or binary page. */
const LENGTH_PREFIX_BYTES = 4
const BISECTIONS = 30
/** Bytes at either end of a value that tell it from others in the sample. */
const HASHED_END_BYTES = 32

interface LeafSample {
  readonly hashes: Set<number>
  readonly nested: boolean
  readonly isVariable: boolean
  readonly name: string
  samples: number
  sampledBytes: number
  /** Slots seen in all batches, for weighing leaves against each other. */
  slots: number
}

export interface DictionaryChoice {
  /** By name of the top-level column. */
  readonly topLevel: ReadonlyMap<string, boolean>
  readonly nested: boolean
}

export interface DictionarySampler {
  add(batch: ColumnBatch): void
  choose(): DictionaryChoice
}

export function createDictionarySampler(): DictionarySampler {
  const leaves = new Map<number, LeafSample>()

  const visit = (column: Column, nested: boolean): void => {
    switch (column.layout) {
      case 'struct':
        for (const child of column.children) visit(child, true)
        return
      case 'list':
        visit(column.element, true)
        return
      case 'map':
        visit(column.key, true)
        visit(column.value, true)
        return
      default: {
        let leaf = leaves.get(column.fieldId)
        if (leaf === undefined) {
          const { name, layout } = column
          const isVariable = layout === 'variable'
          leaf = { hashes: new Set(), nested, isVariable, name, samples: 0, sampledBytes: 0, slots: 0 }
          leaves.set(column.fieldId, leaf)
        }
        sample(leaf, column)
      }
    }
  }

  return {
    add(batch) {
      for (const column of batch.columns) visit(column, false)
    },
    choose() {
      const all = [...leaves.values()]
      const nested = all.filter(leaf => leaf.nested)
      const weigh = (wanted: boolean) =>
        nested
          .filter(leaf => dictionaryPays(leaf) === wanted)
          .reduce((sum, leaf) => sum + estimatedBytes(leaf), 0)
      const nestedHaveOne = nested.length <= MAX_DICTIONARIES && weigh(true) >= weigh(false)
      let room = MAX_DICTIONARIES - (nestedHaveOne ? nested.length : 0)
      return {
        topLevel: new Map(
          all
            .filter(leaf => !leaf.nested)
            .map(leaf => [leaf.name, room > 0 && dictionaryPays(leaf) && room-- > 0]),
        ),
        nested: nestedHaveOne,
      }
    },
  }
}

/** Takes slots at even distances, so that sorted and clustered columns show their variety. */
function sample(leaf: LeafSample, column: FixedWidthColumn | VariableColumn): void {
  const slots = column.length
  leaf.slots += slots
  const wanted = Math.min(MAX_SAMPLES - leaf.samples, MAX_SAMPLES_PER_BATCH, Math.ceil(slots / MIN_STRIDE))
  for (let i = 0; i < wanted; i++) {
    const slot = Math.floor((i * slots) / wanted)
    const [start, end] = slotRange(column, slot)
    const values = column.layout === 'variable' ? column.values : column.data
    leaf.hashes.add(hash(values, start, end))
    leaf.sampledBytes += end - start
    leaf.samples++
  }
}

function slotRange(column: FixedWidthColumn | VariableColumn, slot: number): readonly [number, number] {
  if (column.layout === 'variable') return [column.offsets[slot] ?? 0, column.offsets[slot + 1] ?? 0]
  // Booleans are never dictionary-encoded; their width of 0 keeps them out of the weighing.
  const width = fixedWidthBytes(column.type)
  return [slot * width, (slot + 1) * width]
}

function dictionaryPays(leaf: LeafSample): boolean {
  if (leaf.samples === 0) return true
  const distinct = estimatedDistinct(leaf.samples, leaf.hashes.size)
  if (distinct * 2 > leaf.slots) return false
  const plainBytes = leaf.sampledBytes / leaf.samples + (leaf.isVariable ? LENGTH_PREFIX_BYTES : 0)
  const dictionaryBytes = distinct * plainBytes
  const indexBytes = (leaf.slots * Math.ceil(Math.log2(Math.max(distinct, 2)))) / 8
  return (
    dictionaryBytes <= MAX_DICTIONARY_BYTES &&
    dictionaryBytes + indexBytes <= MAX_SHARE_OF_PLAIN * leaf.slots * plainBytes
  )
}

/** The D of which a sample of `samples` would be expected to show `found`: found = D · (1 − e^(−samples / D)), by bisection. */
function estimatedDistinct(samples: number, found: number): number {
  if (found === samples) return Number.POSITIVE_INFINITY
  let low = found
  let high = Math.max(found, samples ** 2 / (2 * (samples - found)))
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2
    if (middle * -Math.expm1(-samples / middle) < found) low = middle
    else high = middle
  }
  return high
}

function estimatedBytes(leaf: LeafSample): number {
  return leaf.samples === 0 ? 0 : (leaf.sampledBytes / leaf.samples) * leaf.slots
}

/** FNV-1a over both ends and the length: a few collisions among some thousand samples do not move the estimate. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  const headEnd = Math.min(end, start + HASHED_END_BYTES)
  let value = 0x811c9dc5 ^ (end - start)
  for (let at = start; at < headEnd; at++) value = Math.imul(value ^ (bytes[at] ?? 0), 0x01000193)
  for (let at = Math.max(headEnd, end - HASHED_END_BYTES); at < end; at++) {
    value = Math.imul(value ^ (bytes[at] ?? 0), 0x01000193)
  }
  return value
}
