/**
 * Converts requests one after another, in whatever thread it lives: opens each source once, keeps one warm decoder per table schema,
 * and encodes the finished files as their manifest entries will hold them.
 */

import { createArena } from '../../shared/columns/arena.ts'
import type { BatchDecoder } from '../../shared/decode/batch-decoder.ts'
import type { ConvertedFile } from '../../shared/flow.ts'
import { encodeDataFile } from '../../shared/iceberg/data-file-avro.ts'
import type { NewDataFile } from '../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { createSegmentBuffers } from '../../shared/segment/segment-reader.ts'
import type { ConvertRequest } from './convert-request.ts'
import { convertTask, createDecoder } from './convert-task.ts'
import type { ConvertedTask } from './run-task.ts'

/** Decoders kept warm; the one used longest ago goes first. */
const MAX_WARM_DECODERS = 16

export interface ConverterContext {
  readonly openSource: (name: string) => ObjectStore
  readonly warehouse: ObjectStore
  readonly runtime: Runtime
}

export function createConverter(
  context: ConverterContext,
): (request: ConvertRequest) => Promise<ConvertedTask> {
  const decoders = new Map<string, BatchDecoder>()
  const buffers = createSegmentBuffers()
  /** One for all decoders: a warm one that has no work holds no memory. */
  const arena = createArena()

  function decoderFor(request: ConvertRequest): BatchDecoder {
    const key = `${request.task.tableId}/${request.task.schemaId}`
    const decoder = decoders.get(key) ?? createDecoder(request.rows, request.settings, arena)
    decoders.delete(key)
    decoders.set(key, decoder)
    const [oldest] = decoders.keys()
    if (decoders.size > MAX_WARM_DECODERS && oldest !== undefined) decoders.delete(oldest)
    return decoder
  }

  return async request => {
    const { rows, deadLetters, settings } = request
    const decoder = decoderFor(request)
    const result = await convertTask(
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
    ).finally(() => decoder.release())
    return { ...result, files: result.files.map(converted => encodeFile(converted, request)) }
  }
}

function encodeFile({ target, file }: ConvertedFile, { rows, deadLetters }: ConvertRequest): NewDataFile {
  const { spec, schema } = target === 'rows' ? rows : deadLetters
  const { path, specId, partition, recordCount, fileSizeBytes } = file
  return {
    target,
    path,
    specId,
    partition,
    recordCount,
    fileSizeBytes,
    encoded: encodeDataFile(file, spec, schema),
  }
}
