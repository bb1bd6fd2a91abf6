/**
 * What must be in the tables, decided from what the brokers landed alone: which life of a topic an incarnation follows, whether every
 * offset of a commit is accounted for as it should be, and which records readers must see (DESIGN invariants 1, 3 and 4).
 */
import type { OffsetRange, SliceAccount } from '../../shared/flow.ts'
import type { SourcePartition } from '../../shared/metadata/metadata-store.ts'
import type { LandedLife, LandedSegment, Landing } from './landing.ts'

export interface ModelTable {
  readonly name: string
  readonly dlqMode: 'dlq' | 'skip' | 'stop'
}

export interface IncarnationId {
  readonly tableId: string
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
}

/** A record that must be there; without an id a dead letter. */
export interface ExpectedRecord {
  readonly partition: number
  readonly offset: bigint
  readonly id?: bigint
}

/** How much of one incarnation readers must see. */
export interface VisibleIncarnation extends IncarnationId, OffsetRange {
  /** Ranges that a person gave up, or that were gone before they were read. */
  readonly givenUp: readonly OffsetRange[]
}

export interface Model {
  /** Each of these answers with what is wrong, in words. */
  registered(table: ModelTable, source: SourcePartition): readonly string[]
  accounted(table: ModelTable, tableId: string, account: SliceAccount): readonly string[]
  /** The life that an incarnation follows; `undefined` for one that is not known. */
  lifeOf(id: IncarnationId): LandedLife | undefined
  records(
    table: ModelTable,
    incarnation: VisibleIncarnation,
  ): {
    readonly rows: readonly ExpectedRecord[]
    readonly deadLetters: readonly ExpectedRecord[]
  }
}

/** `nowMs`: since the start of the world. */
export function createModel(landing: Landing, nowMs: () => number): Model {
  const followed = new Map<string, LandedLife>()

  function lifeFrom(source: SourcePartition): LandedLife | undefined {
    return landing.lives.find(
      life =>
        life.topic === source.topic &&
        life.partition === source.partition &&
        life.segments.some(segment => segment.baseOffset === source.firstOffset),
    )
  }

  function registered(table: ModelTable, source: SourcePartition): readonly string[] {
    if (followed.has(keyOf(source))) return []
    const what = `${table.name} follows incarnation ${source.incarnation} of ${source.topic}-${source.partition} from ${source.firstOffset} on`
    const life = lifeFrom(source)
    if (life === undefined) return [`${what}, where no segment begins`]
    const before = followed.get(keyOf({ ...source, incarnation: source.incarnation - 1 }))
    followed.set(keyOf(source), life)
    if (before === life) return [`${what}, which is the life that the incarnation before it followed`]
    return life.segments
      .filter(segment => segment.endOffset <= source.firstOffset && mustBeThere(segment))
      .map(segment => `${what}, and leaves out the segment at ${segment.baseOffset}`)
  }

  /** Whether it counts and stands, so that no offset of it may be called missing. */
  function mustBeThere(segment: LandedSegment): boolean {
    const isGone = segment.deletedAtMs !== undefined && segment.deletedAtMs <= nowMs()
    return segment.counts && !isGone
  }

  function accounted(table: ModelTable, tableId: string, account: SliceAccount): readonly string[] {
    const life = followed.get(keyOf({ ...account, tableId }))
    const what = `${table.name}: ${account.topic}-${account.partition} offsets ${account.startOffset} to ${account.endOffset}`
    if (life === undefined)
      return [`${what} belong to incarnation ${account.incarnation}, which nobody registered`]
    const breaches: string[] = []
    const kinds = new Map<bigint, string>()
    for (const { kind, startOffset, endOffset } of account.ranges)
      for (let offset = startOffset; offset < endOffset; offset++) kinds.set(offset, kind)
    let rows = 0n
    let letters = 0n
    for (let offset = account.startOffset; offset < account.endOffset; offset++) {
      const kind = kinds.get(offset)
      const truth = truthAt(life, offset)
      if (kind === undefined && truth.kind === 'row') rows++
      else if (kind === undefined && truth.kind === 'broken' && table.dlqMode === 'dlq') letters++
      else if (!isTrue(kind, truth, table))
        breaches.push(
          `${what}: offset ${offset} is accounted for as ${kind ?? 'a record'}, and is ${truth.kind}`,
        )
    }
    if (rows !== account.rowCount)
      breaches.push(`${what} hold ${rows} rows, and the account says ${account.rowCount}`)
    if (letters !== account.deadLetterCount)
      breaches.push(`${what} hold ${letters} dead letters, and the account says ${account.deadLetterCount}`)
    return breaches
  }

  function isTrue(
    kind: string | undefined,
    { kind: truth, segment }: Truth,
    { dlqMode }: ModelTable,
  ): boolean {
    if (kind === 'skipped') return truth === 'broken' && dlqMode === 'skip'
    if (kind === 'control') return truth === 'control'
    if (kind === 'absent') return truth === 'absent' || truth === 'between segments'
    if (kind === 'source_gap') return segment === undefined || !mustBeThere(segment)
    return false
  }

  function records({ dlqMode }: ModelTable, visible: VisibleIncarnation): ReturnType<Model['records']> {
    const { partition, startOffset, endOffset, givenUp } = visible
    const isVisible = (offset: bigint) =>
      offset >= startOffset &&
      offset < endOffset &&
      !givenUp.some(range => offset >= range.startOffset && offset < range.endOffset)
    const segments = (followed.get(keyOf(visible))?.segments ?? []).filter(({ counts }) => counts)
    return {
      rows: segments.flatMap(segment =>
        [...segment.rows]
          .filter(([offset]) => isVisible(offset))
          .map(([offset, id]) => ({ partition, offset, id })),
      ),
      deadLetters:
        dlqMode !== 'dlq'
          ? []
          : segments.flatMap(segment =>
              [...segment.broken].filter(isVisible).map(offset => ({ partition, offset })),
            ),
    }
  }

  return { registered, accounted, lifeOf: id => followed.get(keyOf(id)), records }
}

interface Truth {
  readonly kind: 'row' | 'broken' | 'control' | 'absent' | 'between segments'
  readonly segment?: LandedSegment
}

/** What the brokers landed there for good. */
function truthAt(life: LandedLife, offset: bigint): Truth {
  const segment = life.segments.find(
    ({ counts, baseOffset, endOffset }) => counts && offset >= baseOffset && offset < endOffset,
  )
  if (segment === undefined) return { kind: 'between segments' }
  if (segment.rows.has(offset)) return { kind: 'row', segment }
  if (segment.broken.has(offset)) return { kind: 'broken', segment }
  return { kind: segment.control.has(offset) ? 'control' : 'absent', segment }
}

function keyOf({ tableId, topic, partition, incarnation }: IncarnationId): string {
  return `${tableId} ${topic}-${partition} ${incarnation}`
}
