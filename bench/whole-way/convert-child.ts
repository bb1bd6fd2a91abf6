/**
 * A process that only converts, with the product's own converter: segments in a folder to Parquet files in another, one task after
 * another. Its peak memory is therefore that of a worker.
 */

import type { ConvertRequest } from '../../services/converter/convert-request.ts'
import { createConverter } from '../../services/converter/converter.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { answerQuestions, cpuSeconds, peakRssBytes, type RunFigure } from './child.ts'
import { measureStages } from './stages.ts'

export type ConvertQuestion =
  | { readonly kind: 'open'; readonly source: string; readonly warehouse: string }
  /** Converts and answers with a `ConvertFigure`; the files are removed unless they are to be kept. */
  | { readonly kind: 'run'; readonly request: ConvertRequest; readonly keep?: boolean }
  | { readonly kind: 'stages'; readonly request: ConvertRequest }
  | { readonly kind: 'peak' }

export interface ConvertFigure extends RunFigure {
  readonly paths: readonly string[]
  readonly fileBytes: number
}

interface Opened {
  readonly source: ObjectStore
  readonly warehouse: ObjectStore
  readonly convert: ReturnType<typeof createConverter>
}

let opened: Opened | undefined

answerQuestions(async (question: ConvertQuestion) => {
  if (question.kind === 'open') {
    const source = openObjectStore(question.source, { runtime: systemRuntime })
    const warehouse = openObjectStore(question.warehouse, { runtime: systemRuntime })
    const convert = createConverter({ openSource: () => source, warehouse, runtime: systemRuntime })
    opened = { source, warehouse, convert }
    return undefined
  }
  if (question.kind === 'peak') return peakRssBytes()
  invariant(opened !== undefined, 'the stores are opened first')
  if (question.kind === 'stages') return await measureStages(question.request, opened.source)
  return await run(opened, question)
})

async function run(
  { convert, warehouse }: Opened,
  { request, keep = false }: Extract<ConvertQuestion, { kind: 'run' }>,
): Promise<ConvertFigure> {
  const start = cpuSeconds()
  const { files, accounts } = await convert({ ...request, claimToken: systemRuntime.uuid() })
  const seconds = cpuSeconds() - start
  const paths = files.map(file => file.path)
  if (!keep) for (const path of paths) await warehouse.delete(locationToKey(warehouse, path))
  return {
    cpuSeconds: seconds,
    rows: Number(accounts.reduce((sum, account) => sum + account.rowCount, 0n)),
    paths,
    fileBytes: Number(files.reduce((sum, file) => sum + file.fileSizeBytes, 0n)),
  }
}
