/**
 * Peak memory of a process that only converts, with tasks of the size that planning cuts by default, for a small backlog and for one
 * eight times as long: what a worker holds must not depend on how far it is behind.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskSlice } from '../../shared/flow.ts'
import type { WrittenBatch } from '../../shared/segment/record-batch-writer.ts'
import { batchesOf, recordsOf, type ShapeName, writeSegments } from './backlog.ts'
import { startChild } from './child.ts'
import type { ConvertFigure, ConvertQuestion } from './convert-child.ts'
import { requestFor } from './convert-request.ts'

export interface MemoryFigure {
  readonly shape: ShapeName
  readonly codec: 'zstd'
  readonly tasks: number
  /** Of the segments, and of the raw values in them. */
  readonly backlog_bytes: number
  readonly value_bytes: number
  readonly peak_rss_bytes: number
}

export interface MemoryBenchOptions {
  readonly quick: boolean
  readonly progress: (line: string) => void
}

const SHAPES: readonly ShapeName[] = ['flat', 'nested']
const TASKS = [1, 8]
const FULL = { valueBytes: 64 * 1024 * 1024, taskBytes: 64 * 1024 * 1024 }
const QUICK = { valueBytes: 1024 * 1024, taskBytes: 256 * 1024 }

export async function benchMemory({ quick, progress }: MemoryBenchOptions): Promise<readonly MemoryFigure[]> {
  const { valueBytes, taskBytes } = quick ? QUICK : FULL
  const figures: MemoryFigure[] = []
  for (const shape of SHAPES) {
    const records = recordsOf(shape, valueBytes)
    const batches = batchesOf(records.values, 'zstd')
    for (const tasks of TASKS) {
      const figure = await peakOf({ shape, records, batches, tasks, taskBytes })
      figures.push(figure)
      const [backlog, peak] = [figure.backlog_bytes, figure.peak_rss_bytes].map(bytes =>
        Math.round(bytes / 1e6),
      )
      progress(`memory ${shape}: ${tasks} tasks, backlog ${backlog} MB, peak ${peak} MB`)
    }
  }
  return figures
}

interface Backlog {
  readonly shape: ShapeName
  readonly records: ReturnType<typeof recordsOf>
  readonly batches: readonly WrittenBatch[]
  readonly tasks: number
  readonly taskBytes: number
}

async function peakOf({ shape, records, batches, tasks, taskBytes }: Backlog): Promise<MemoryFigure> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
  const child = startChild<ConvertQuestion>('convert-child')
  try {
    const source = join(folder, 'segments')
    const warehouse = join(folder, 'warehouse')
    await mkdir(warehouse, { recursive: true })
    await child.ask({ kind: 'open', source, warehouse })
    const batchBytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
    const times = Math.ceil(taskBytes / batchBytes)
    const slices = await writeSegments(source, batches, times * tasks)
    for (let task = 0; task < tasks; task++) {
      const slice = joined(slices.slice(task * times, (task + 1) * times))
      const request = requestFor(records.schema, [slice], { folder, metadataColumns: 'struct' })
      const { rows } = await child.ask<ConvertFigure>({ kind: 'run', request })
      if (rows !== records.values.length * times) throw new Error(`${rows} rows of task ${task}`)
    }
    return {
      shape,
      codec: 'zstd',
      tasks,
      backlog_bytes: slices
        .flatMap(slice => slice.segments)
        .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      value_bytes: records.valueBytes * times * tasks,
      peak_rss_bytes: await child.ask<number>({ kind: 'peak' }),
    }
  } finally {
    await child.end()
    await rm(folder, { recursive: true })
  }
}

/** Consecutive slices as one. */
function joined(slices: readonly TaskSlice[]): TaskSlice {
  const [first, last] = [slices[0], slices.at(-1)]
  if (first === undefined || last === undefined) throw new Error('a task has at least one slice')
  return { ...first, endOffset: last.endOffset, segments: slices.flatMap(slice => slice.segments) }
}
