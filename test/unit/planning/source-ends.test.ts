import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { roundsOf } from '../../../services/planning/plan-loop.ts'
import type { SourceEnd } from '../../../shared/metadata/metadata-store.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
let noted: (readonly SourceEnd[])[]
let round: () => Promise<unknown>

beforeEach(async () => {
  pipeline = await openPipeline({
    table: { commit_interval: '60s' },
    limits: { poll_interval: '1s', poll_interval_max: '1s' },
  })
  noted = []
  const { metadata } = pipeline
  const noteSourceEnds: typeof metadata.noteSourceEnds = (tableId, ends) => {
    noted.push(ends)
    return metadata.noteSourceEnds(tableId, ends)
  }
  const rounds = roundsOf(
    { ...pipeline.parts, metadata: { ...metadata, noteSourceEnds } },
    await pipeline.declare(),
  )
  round = () => {
    pipeline.runtime.advance(1_000)
    return rounds({})
  }
})
afterEach(() => pipeline.close())

describe('discovery notes how far the source goes', () => {
  test('for all partitions of a round at once, and since when the oldest segment waits', async () => {
    const landedAtMs = pipeline.runtime.nowMs()
    await land(pipeline.source, ids(0, 5), { partition: 0 })
    await land(pipeline.source, ids(0, 7), { partition: 1 })
    pipeline.runtime.advance(5_000)
    await land(pipeline.source, ids(7, 2), { partition: 1, base: 7 })
    await round()
    const of = { topic: 'orders', incarnation: 0, unplannedSinceMs: landedAtMs }
    const witness = { baseOffset: 7n, landedAtMs: landedAtMs + 5_000 }
    expect(noted).toEqual([
      [
        { ...of, partition: 0, endOffset: 5n, witness: { baseOffset: 0n, landedAtMs } },
        { ...of, partition: 1, endOffset: 9n, witness },
      ],
    ])
    expect(await pipeline.partition(1)).toMatchObject({ plannedOffset: 0n, sourceEndOffset: 9n, witness })
  })

  test('and writes nothing more until it changes, whatever the number of rounds', async () => {
    await land(pipeline.source, ids(0, 5))
    for (let rounds = 0; rounds < 5; rounds++) await round()
    expect(noted).toHaveLength(1)
    await pipeline.settle()
    for (let rounds = 0; rounds < 5; rounds++) await round()
    expect(noted).toHaveLength(1)
    await land(pipeline.source, ids(5, 5), { base: 5 })
    await round()
    expect(noted).toHaveLength(2)
    expect(await pipeline.partition()).toMatchObject({ committedOffset: 5n, sourceEndOffset: 10n })
  })
})
