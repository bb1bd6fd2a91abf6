/** One life of a partition as an audit looks at it: what its files hold, and how far its accounts reach. */
import type { MetadataStore, SourcePartition } from '../../shared/metadata/metadata-store.ts'
import { allAccounts } from './all-accounts.ts'
import { createOffsetSet, type OffsetSet } from './offset-set.ts'

export interface Life {
  readonly topic: string
  readonly partition: number
  readonly incarnation: number
  readonly firstOffset: bigint
  readonly committedOffset: bigint
  readonly rows: OffsetSet
  readonly deadLetters: OffsetSet
  /** What the ledger says of its rows and dead letters that the files must hold; counted only where a topic was recreated. */
  ledger?: { rows: bigint; deadLetters: bigint }
  /** Below it, accounts and operator skips cover everything from `firstOffset`. */
  coveredTo: bigint
}

/** Every life of every partition, up to its watermark now; order: topic, partition, incarnation. */
export async function loadLives(metadata: MetadataStore, tableId: string): Promise<readonly Life[]> {
  const lives = (await metadata.listPartitions(tableId, { pastIncarnations: true })).map(startLife)
  if (lives.every(life => life.incarnation === 0)) return lives
  for (const life of lives) life.ledger = { rows: 0n, deadLetters: 0n }
  for await (const account of allAccounts(metadata, tableId)) {
    const life = lifeOf(lives, account)
    if (life?.ledger === undefined || account.endOffset > life.committedOffset) continue
    life.ledger.rows += account.rowCount
    life.ledger.deadLetters += account.deadLetterCount - account.purgedDeadLetterCount
  }
  return lives
}

function startLife(partition: SourcePartition): Life {
  const { topic, partition: number, incarnation, firstOffset, committedOffset } = partition
  return {
    topic,
    partition: number,
    incarnation,
    firstOffset,
    committedOffset,
    rows: createOffsetSet(),
    deadLetters: createOffsetSet(),
    coveredTo: firstOffset,
  }
}

export function lifeOf(
  lives: readonly Life[],
  of: { readonly topic: string; readonly partition: number; readonly incarnation: number },
): Life | undefined {
  return lives.find(
    life => life.topic === of.topic && life.partition === of.partition && life.incarnation === of.incarnation,
  )
}

export const nameOfLife = (life: Pick<Life, 'topic' | 'partition'>): string =>
  `${life.topic}-${life.partition}`
