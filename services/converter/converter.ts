/**
 * Converts requests one after another, in whatever thread it lives: opens each source once and keeps one warm decoder per table schema.
 */

import { type Arena, createArena } from '../../shared/columns/arena.ts'
import type { BatchDecoder } from '../../shared/decode/batch-decoder.ts'
import type { TaskResult } from '../../shared/flow.ts'
import { leafCount } from '../../shared/iceberg/schema-lookup.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { moreMemoryAdvice } from '../../shared/runtime/worker-memory.ts'
import { createSegmentBuffers } from '../../shared/segment/segment-reader.ts'
import type { ConvertRequest } from './convert-request.ts'
import { convertTask, createDecoder } from './convert-task.ts'

/** Decoders kept warm; the one used longest ago goes first. */
const MAX_WARM_DECODERS = 16

/** Column buffers kept between tasks, as a share of what they may take: fresh pages are dear. */
const KEPT_COLUMN_SHARE = 2 / 3

export interface ConverterContext {
  readonly openSource: (name: string) => ObjectStore
  readonly warehouse: ObjectStore
  readonly runtime: Runtime
}

export function createConverter(context: ConverterContext): (request: ConvertRequest) => Promise<TaskResult> {
  const decoders = new Map<string, BatchDecoder>()
  const buffers = createSegmentBuffers()
  /** One for all decoders: a warm one that has no work holds no memory. */
  let arena: Arena | undefined

  function decoderFor(request: ConvertRequest): BatchDecoder {
    const key = `${request.task.tableId}/${request.task.schemaId}`
    arena ??= createArena({ maxBytes: request.settings.memory.columnBytes })
    const decoder = decoders.get(key) ?? createDecoder(request.rows, request.settings, arena)
    decoders.delete(key)
    decoders.set(key, decoder)
    const [oldest] = decoders.keys()
    if (decoders.size > MAX_WARM_DECODERS && oldest !== undefined) decoders.delete(oldest)
    return decoder
  }

  return async request => {
    const { rows, deadLetters, settings } = request
    refuseTooWide(request)
    const decoder = decoderFor(request)
    return await convertTask(
      request.task,
      { token: request.claimToken },
      {
        rows,
        deadLetters,
        settings,
        source: context.openSource(request.sourceName),
        warehouse: context.warehouse,
        runtime: context.runtime,
        decoder,
        buffers,
      },
    ).finally(() => {
      decoder.release()
      // Blocks that no other table's task asks for would fill the arena in time.
      arena?.trim(settings.memory.columnBytes * KEPT_COLUMN_SHARE)
    })
  }
}

/** What the configuration of this process says was looked at when it was read; tables of patterns may be made by others. */
function refuseTooWide({ rows, settings }: ConvertRequest): void {
  const { maxColumns } = settings.memory
  const columns = leafCount(rows.schema.fields)
  if (columns <= maxColumns) return
  throw new AppError({
    code: 'schema-too-wide',
    next: 'park',
    message: `Converting into ${rows.name}: expected at most ${maxColumns} columns, members of structs and _kafka included, found ${columns}. ${moreMemoryAdvice(columns, maxColumns)}`,
    details: { table: rows.name, columns, maxColumns },
  })
}
