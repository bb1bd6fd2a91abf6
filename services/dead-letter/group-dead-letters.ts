/** Dead letters by partition and reason: what `dlq ls` and the API show first. */
import type { DeadLetterBatch, MetadataStore } from '../../shared/metadata/metadata-store.ts'

/** Batches looked at; a table with more shows its newest. */
const MAX_BATCHES = 100_000

export interface DeadLetterGroup {
  readonly table: string
  readonly topic: string
  readonly partition: number
  readonly error_code: string
  readonly count: bigint
  readonly first_offset: bigint
  readonly last_offset: bigint
  readonly sample_message: string
}

/** The largest first; without those that retention has removed. */
export async function groupDeadLetters(
  metadata: MetadataStore,
  table: { readonly tableId: string; readonly name: string },
): Promise<readonly DeadLetterGroup[]> {
  const batches = await metadata.listDeadLetters(table.tableId, MAX_BATCHES)
  const groups = new Map<string, DeadLetterGroup>()
  for (const batch of batches) {
    if (batch.purgedAtMs !== undefined) continue
    const key = `${batch.topic}\0${batch.partition}\0${batch.code}`
    groups.set(key, merge(table.name, batch, groups.get(key)))
  }
  return [...groups.values()].sort((a, b) => (a.count < b.count ? 1 : a.count > b.count ? -1 : 0))
}

/** Batches come newest first: the first one gives the sample. */
function merge(table: string, batch: DeadLetterBatch, group: DeadLetterGroup | undefined): DeadLetterGroup {
  const { topic, partition, code, count, firstOffset, lastOffset, sampleMessage } = batch
  if (group === undefined) {
    return {
      table,
      topic,
      partition,
      error_code: code,
      count,
      first_offset: firstOffset,
      last_offset: lastOffset,
      sample_message: sampleMessage,
    }
  }
  return {
    ...group,
    count: group.count + count,
    ...(firstOffset < group.first_offset && { first_offset: firstOffset }),
    ...(lastOffset > group.last_offset && { last_offset: lastOffset }),
  }
}
