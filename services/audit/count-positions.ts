/** Reads which offsets a table's files hold, and gives each to the life of its partition that it belongs to. */
import type { MetadataStore, TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { AuditTally } from './audit-tally.ts'
import type { Life } from './life.ts'
import { type PositionPaths, readOffsets } from './read-offsets.ts'

export const ROW_PATHS: Readonly<Record<'struct' | 'flat', PositionPaths>> = {
  struct: { topic: '_kafka.topic', partition: '_kafka.partition', offset: '_kafka.offset' },
  flat: { topic: '_kafka_topic', partition: '_kafka_partition', offset: '_kafka_offset' },
}
export const DEAD_LETTER_PATHS: PositionPaths = { topic: 'topic', partition: 'partition', offset: 'offset' }

const WORDS = { rows: 'rows', deadLetters: 'dead letters' }
const COUNTS = { rows: 'rows', deadLetters: 'dead_letters' } as const

export interface CountedTable {
  readonly table: TableDetail
  readonly paths: PositionPaths
  readonly kind: 'rows' | 'deadLetters'
}

export async function countPositions(
  context: { readonly metadata: MetadataStore; readonly warehouse: ObjectStore },
  { table, paths, kind }: CountedTable,
  { lives, tally }: { readonly lives: readonly Life[]; readonly tally: AuditTally },
): Promise<void> {
  const byPartition = Map.groupBy(lives, life => `${life.topic}-${life.partition}`)
  const left = new Map(lives.map(life => [life, life.ledger?.[kind] ?? 0n]))

  /**
   * A recreated topic uses offsets again. Files come in the order of their commits, so the first ones are those of the first life, as
   * many as the ledger says.
   */
  function lifeToFill(candidates: readonly Life[], offset: bigint): Life | undefined {
    const holding = candidates.filter(
      life => offset >= life.firstOffset && offset < life.committedOffset && !life[kind].has(offset),
    )
    const owed = holding.find(life => (left.get(life) ?? 0n) > 0n) ?? holding.at(-1)
    if (owed !== undefined) left.set(owed, (left.get(owed) ?? 0n) - 1n)
    return owed
  }

  for await (const { topic, partition, offset } of readOffsets(context, table, paths)) {
    const candidates = byPartition.get(`${topic}-${partition}`) ?? []
    const life = lifeToFill(candidates, offset)
    const current = candidates.at(-1)
    // Committed while the audit reads: the next one counts it.
    if (life === undefined && current !== undefined && offset >= current.committedOffset) continue
    tally.add(COUNTS[kind], 1n)
    life?.[kind].add(offset)
    if (life === undefined) {
      const what = `is once too often among the ${WORDS[kind]}`
      tally.add('duplicates', 1n, `${topic}-${partition} offset ${offset} ${what}`)
    }
  }
}
