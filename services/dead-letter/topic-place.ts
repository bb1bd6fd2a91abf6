/** Where a table's dead-letter topic lies: `<store>/<prefix><topic>/0/segment-….kfs`, so that `<store>/<prefix>` is a source of `.kfs`. */
import { deadLetterTopicOf, type TableConfig, TOPICS_FOLDER } from '../../shared/config/config.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'

export interface TopicPlace {
  readonly store: ObjectStore
  /** Before the topic in every key: empty, or with a trailing slash. */
  readonly prefix: string
  readonly topic: string
}

export interface TopicStores {
  readonly warehouse: ObjectStore
  readonly topicStores: ReadonlyMap<string, ObjectStore>
}

export function topicPlaceOf(
  { warehouse, topicStores }: TopicStores,
  { name, dlqUrl }: Pick<TableConfig, 'name' | 'dlqUrl'>,
): TopicPlace {
  const store = dlqUrl === undefined ? warehouse : topicStores.get(dlqUrl)
  invariant(store !== undefined, `the place of the dead letters of table ${name} is opened`)
  const prefix = dlqUrl === undefined ? `${TOPICS_FOLDER}/` : ''
  return { store, prefix, topic: deadLetterTopicOf(name) }
}

export interface SegmentKeys {
  readonly segment: string
  readonly index: string
}

/** A segment counts with its index, which goes first: what a crash in between leaves is no half of a segment to a reader. */
export async function deleteSegment(place: TopicPlace, baseOffset: bigint): Promise<void> {
  const keys = segmentKeysOf(place, baseOffset)
  await place.store.delete(keys.index)
  await place.store.delete(keys.segment)
}

/** A dead-letter topic has the one partition 0. */
export function segmentKeysOf({ prefix, topic }: TopicPlace, baseOffset: bigint): SegmentKeys {
  const segment = { topic, partition: 0, baseOffset }
  return {
    segment: `${prefix}${segmentObjectKey(segment)}`,
    index: `${prefix}${indexObjectKey(segment)}`,
  }
}
