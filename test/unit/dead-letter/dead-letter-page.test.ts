import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type DeadLetterPosition,
  type DeadLetterQuery,
  readDeadLetterPage,
} from '../../../services/dead-letter/dead-letter-page.ts'
import { land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

const START: Omit<DeadLetterPosition, 'version'> = { after: '', row: 0 }
let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline({ table: { dlq_max_ratio: 1 } })
})
afterEach(() => pipeline.close())

/** Segments of dead letters, each a file of its own. */
async function landLetters(...segments: (readonly string[])[]): Promise<void> {
  let base = 0
  for (const values of segments) {
    await land(pipeline.source, values, { base })
    base += values.length
    await pipeline.settle()
  }
}

async function walk(query: Omit<DeadLetterQuery, 'from'>) {
  const { deadLetters } = await pipeline.declare()
  const offsets: number[][] = []
  let from: DeadLetterPosition | undefined = { ...START, version: deadLetters.version }
  while (from !== undefined) {
    const { rows, next } = await readDeadLetterPage(pipeline.parts, deadLetters, { ...query, from })
    offsets.push(rows.map(row => Number(row.offset)))
    if (offsets.length > 200) throw new Error('the pages do not end')
    from = next
  }
  return offsets
}

it('pages go through files and within them, each record once', async () => {
  await landLetters(['a', 'b', 'c'], ['d'], ['e', 'f'])
  expect((await walk({ limit: 100 })).flat()).toEqual([0, 1, 2, 3, 4, 5])
  for (const limit of [1, 2, 4]) {
    const pages = await walk({ limit })
    expect(pages.flat()).toEqual([0, 1, 2, 3, 4, 5])
    expect(Math.max(...pages.map(page => page.length))).toBe(limit)
  }
})

it('shows the version of its first page, whatever is added meanwhile', async () => {
  await landLetters(['a', 'b'])
  const { deadLetters } = await pipeline.declare()
  const from = { ...START, version: deadLetters.version }
  const { next } = await readDeadLetterPage(pipeline.parts, deadLetters, { from, limit: 1 })
  await land(pipeline.source, ['c'], { base: 2 })
  await pipeline.settle()
  if (next === undefined) throw new Error('there is a second page')
  const second = await readDeadLetterPage(pipeline.parts, deadLetters, { from: next, limit: 9 })
  expect(second.rows.map(row => row.offset)).toEqual([1n])
  expect(second.next).toBeUndefined()
})

it('a page ends early when its records are large', async () => {
  const large = Array.from({ length: 12 }, (_, i) => String(i % 10).repeat(2 ** 20))
  await landLetters(large)
  const pages = await walk({ limit: 100 })
  expect(pages.flat()).toEqual(large.map((_, i) => i))
  expect(pages.map(page => page.length)).toEqual([4, 4, 4])
})

it('a page ends early when many files hold nothing of the code that is asked for', async () => {
  await landLetters(...Array.from({ length: 25 }, () => ['x']), ['{}'])
  const pages = await walk({ limit: 100, code: 'missing-required' })
  expect(pages).toEqual([[], [25]])
})
