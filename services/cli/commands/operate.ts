/** The ways out of a stop. Each is recorded as an event with who asked for it and why. */
import { userInfo } from 'node:os'
import { DEAD_LETTER_SUFFIX } from '../../../shared/config/table-name.ts'
import type {
  MetadataStore,
  OperatorNote,
  PartitionId,
  TableDetail,
} from '../../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { AppError, invariant } from '../../../shared/runtime/errors.ts'
import { readLogEnd } from '../../discovery/log-end.ts'
import { RELEASED_CODE } from '../../publisher/foreign-change.ts'
import { configuredTables } from '../../tables/pattern-tables.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, findNamed, withStores } from '../load-config-file.ts'
import { note, print } from '../terminal.ts'

interface OperateOptions extends ConfigOption {
  readonly why: string
  readonly partition?: number
}

export async function pause(options: OperateOptions, tableName: string): Promise<ExitCode> {
  return await operate(options, tableName, async ({ metadata, table, partition, by }) => {
    if (partition === undefined) await metadata.setTableState(table.tableId, 'paused', by)
    else await metadata.pausePartition(partition, by)
    print(`${tableName}${partition === undefined ? '' : ` partition ${partition.partition}`} is paused`)
    return EXIT.done
  })
}

export async function resume(options: OperateOptions, tableName: string): Promise<ExitCode> {
  return await operate(options, tableName, async ({ metadata, table, partition, by }) => {
    if (partition === undefined) await resumeTable(metadata, table, by)
    else await metadata.resumePartition(partition, by)
    print(`${tableName}${partition === undefined ? '' : ` partition ${partition.partition}`} goes on`)
    return EXIT.done
  })
}

/** With every partition of it, whatever stopped it, and every catalog that it is held for, its dead letters included. */
async function resumeTable(metadata: MetadataStore, table: TableDetail, by: OperatorNote): Promise<void> {
  await metadata.setTableState(table.tableId, 'active', by)
  const stopped = (await metadata.listPartitions(table.tableId)).filter(({ state }) => state !== 'active')
  for (const partition of stopped) await metadata.resumePartition(partition, by)
  const deadLetters = await metadata.loadTable(table.name + DEAD_LETTER_SUFFIX)
  for (const { tableId } of [table, ...(deadLetters === undefined ? [] : [deadLetters])]) {
    for (const { catalog, state, intent, metadataVersion } of await metadata.listPublications(tableId)) {
      if (state !== 'held') continue
      // Tried again like any other failure; the publisher holds it again if the catalog still shows what it should not.
      await metadata.failPublication(tableId, catalog, {
        state: 'failing',
        code: RELEASED_CODE,
        message: `${by.who} released it: ${by.why}`,
        atVersion: metadataVersion,
        ...(intent !== undefined && { dropIntent: intent }),
      })
    }
  }
}

interface SkipOptions extends OperateOptions {
  readonly offset: bigint
  readonly force?: boolean
}

export async function skipTo(options: SkipOptions, tableName: string): Promise<ExitCode> {
  return await operate(options, tableName, async ({ metadata, partition, by, source }) => {
    if (partition === undefined) return EXIT.usage
    const { topic, partition: number } = partition
    const logEnd = options.force ? undefined : await readLogEnd(source, topic, number)
    if (logEnd !== undefined && options.offset > logEnd) {
      note(
        `tidewater: the segments of ${topic}-${number} end at offset ${logEnd - 1n}; skipping to ${options.offset} would give up records that are not there yet. Name an offset up to ${logEnd}, or add --force.`,
      )
      return EXIT.failed
    }
    const outcome = await metadata.skipTo(partition, options.offset, by)
    if (outcome.kind === 'refused') {
      note(`tidewater: ${outcome.reason}`)
      return EXIT.failed
    }
    const { startOffset, endOffset } = outcome.range
    print(
      `${topic}-${number}: offsets ${startOffset} to ${endOffset - 1n} are given up; it goes on at ${endOffset}`,
    )
    return EXIT.done
  })
}

export async function unpark(options: OperateOptions, taskId: string): Promise<ExitCode> {
  return await withStores(options, async ({ metadata }) => {
    const { kind } = await metadata.unparkTask(taskId, noteOf(options))
    if (kind === 'unparked') print(`task ${taskId} is queued again`)
    else note(`tidewater: no parked task ${taskId}; tidewater status lists them`)
    return kind === 'unparked' ? EXIT.done : EXIT.failed
  })
}

interface Operation {
  readonly metadata: MetadataStore
  readonly table: TableDetail
  readonly partition?: PartitionId
  readonly by: OperatorNote
  readonly source: ObjectStore
}

async function operate(
  options: OperateOptions,
  tableName: string,
  body: (operation: Operation) => Promise<ExitCode>,
): Promise<ExitCode> {
  return await withStores(options, async ({ config, metadata, sources }) => {
    const known = await metadata.listTables()
    const table = findNamed(
      'table',
      known.filter(({ kind }) => kind === 'rows'),
      tableName,
    )
    const partition =
      options.partition === undefined ? undefined : await partitionOf(metadata, table, options.partition)
    const { source: sourceName } = findNamed('declared table', configuredTables(config, known), tableName)
    const source = sources.get(sourceName)
    invariant(source !== undefined, `table ${tableName} names a configured source`)
    return await body({
      metadata,
      table,
      source,
      by: noteOf(options),
      ...(partition !== undefined && { partition }),
    })
  })
}

async function partitionOf(
  metadata: MetadataStore,
  table: TableDetail,
  number: number,
): Promise<PartitionId> {
  const partitions = await metadata.listPartitions(table.tableId)
  const found = partitions.find(partition => partition.partition === number)
  if (found !== undefined) return { tableId: found.tableId, topic: found.topic, partition: found.partition }
  const known = partitions.map(partition => partition.partition).join(', ') || 'none'
  throw new AppError({
    code: 'unknown-name',
    next: 'fatal',
    message: `Table ${table.name} has no partition ${number}. It has: ${known}.`,
  })
}

function noteOf({ why }: OperateOptions): OperatorNote {
  return { who: userInfo().username, why }
}
