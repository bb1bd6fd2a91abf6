import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { planUntilStopped } from '../../../services/planning/plan-loop.ts'
import { createTableSet } from '../../../services/tables/table-set.ts'
import { hookedObjectStore } from '../../fakes/hooked-object-store.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
afterEach(() => pipeline.close())

it.each([
  { poll_interval: '1s', poll_interval_max: '5m' },
  { poll_interval: '1m', poll_interval_max: '5m' },
])('keeps its shares while all its tables are quiet, so that no other lists them anew: %o', async limits => {
  pipeline = await openPipeline({ limits })
  const { parts, runtime } = pipeline
  await land(pipeline.source, ids(0, 10))
  await pipeline.settle()
  const tables = createTableSet([await pipeline.declare()])
  const stop = new AbortController()
  const listed = new Set<string>()
  const running = ['first', 'second'].map(holder => {
    const source = hookedObjectStore(pipeline.source)
    source.before = () => void listed.add(holder)
    return planUntilStopped({ ...parts, holder, sources: new Map([['local', source]]) }, tables, stop.signal)
  })
  for (let seconds = 0; seconds < 180; seconds++) {
    for (let turns = 0; turns < 20; turns++) await setImmediate()
    runtime.advance(1000)
  }
  stop.abort()
  await Promise.all(running)
  expect([...listed]).toHaveLength(1)
})
