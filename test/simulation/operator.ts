/** What a person at the command line does to the tables of a simulated world: the same steps on the same stores as `tidewater` takes. */
import type { Parts } from '../../services/parts.ts'
import type { OperatorNote, SourcePartition, TableDetail } from '../../shared/metadata/metadata-store.ts'
import type { Deed } from './world-plan.ts'

const BY: OperatorNote = { who: 'operator', why: 'to see what happens' }
const MAX_TASKS = 1_000

export type OperatorDeed = Extract<Deed, { readonly draw: number }>

export async function operate(
  { metadata }: Parts,
  { kind, table: number, draw }: OperatorDeed,
): Promise<void> {
  const tables = (await metadata.listTables()).filter(table => table.kind === 'rows')
  const table = tables[number % Math.max(1, tables.length)]
  if (table === undefined) return
  const partitions = await metadata.listPartitions(table.tableId)
  const partition = partitions[Math.floor(draw * partitions.length * 2)]
  switch (kind) {
    case 'pause':
      return partition === undefined
        ? await metadata.setTableState(table.tableId, 'paused', BY)
        : await metadata.pausePartition(partition, BY)
    case 'resume':
      return partition === undefined
        ? await resumeTable({ metadata }, table)
        : await metadata.resumePartition(partition, BY)
    case 'skip-to':
      if (partition !== undefined) await skipAhead({ metadata }, partition, draw)
      return
    case 'unpark':
      return await unparkAll({ metadata }, table)
  }
}

/** Gives up some of what waits, never what has not landed. */
async function skipAhead(
  { metadata }: Pick<Parts, 'metadata'>,
  partition: SourcePartition,
  draw: number,
): Promise<void> {
  const waiting = partition.sourceEndOffset - partition.committedOffset
  if (waiting <= 0n) return
  const by = BigInt(Math.ceil(((draw * 1000) % 1) * Math.min(Number(waiting), 1e9)))
  await metadata.skipTo(partition, partition.committedOffset + by, BY)
}

/** Lets go on whatever has stopped. */
export async function letGoOn({ metadata }: Parts): Promise<void> {
  for (const table of await metadata.listTables()) {
    if (table.kind !== 'rows') continue
    await resumeTable({ metadata }, table)
    await unparkAll({ metadata }, table)
  }
}

async function resumeTable({ metadata }: Pick<Parts, 'metadata'>, table: TableDetail): Promise<void> {
  if (table.state !== 'active') await metadata.setTableState(table.tableId, 'active', BY)
  for (const partition of await metadata.listPartitions(table.tableId))
    if (partition.state !== 'active') await metadata.resumePartition(partition, BY)
}

async function unparkAll({ metadata }: Pick<Parts, 'metadata'>, { tableId }: TableDetail): Promise<void> {
  for (const { taskId } of await metadata.listTasks({ tableId, states: ['parked'], limit: MAX_TASKS }))
    await metadata.unparkTask(taskId, BY)
}
