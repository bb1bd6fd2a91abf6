import { afterEach, expect, it } from 'vitest'
import { REPORT_FAILING_AFTER_MS } from '../../../services/publisher/publish-to-catalog.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
afterEach(() => pipeline.close())

it('a catalog that takes nothing for long raises one event, and another one when it does again', async () => {
  pipeline = await openPipeline()
  await land(pipeline.source, ids(0, 10))
  await pipeline.settle()
  pipeline.warehouse.before = (operation, key) => {
    if (operation === 'put' && key.startsWith('shop/orders/') && key.endsWith('.metadata.json'))
      throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'the store is away' })
  }
  for (let rounds = 0; rounds < 5; rounds++) {
    await pipeline.publish()
    pipeline.runtime.advance(REPORT_FAILING_AFTER_MS / 2)
  }
  const [event, ...others] = await pipeline.metadata.listEvents({ limit: 9 })
  expect(others).toEqual([])
  expect(event).toMatchObject({
    type: 'publication.failing',
    table: TABLE,
    message: expect.stringContaining('the store is away'),
    details: { catalog: 'local' },
  })
  expect((event?.atMs ?? 0) - Number(event?.details.sinceMs)).toBe(REPORT_FAILING_AFTER_MS)
  pipeline.warehouse.before = undefined
  await pipeline.publish()
  expect(await pipeline.eventTypes()).toEqual(['publication.failing', 'publication.recovered'])
})
