import { expect, test } from 'vitest'
import { parseStages, STAGES } from '../../services/stages.ts'

test('reads names with commas between them, in any order', () => {
  expect(parseStages('publish, maintain')).toEqual({ ok: true, stages: new Set(['publish', 'maintain']) })
  expect(parseStages(STAGES.join(','))).toEqual({ ok: true, stages: new Set(STAGES) })
})

test('names a stage that there is not, and those that there are', () => {
  const message =
    "there is no stage 'converter'; there are discover, plan, convert, publish, maintain, serve, with commas between them."
  expect(parseStages('plan,converter')).toEqual({ ok: false, message })
  expect(parseStages('')).toMatchObject({ ok: false })
})

test('wants discovery and planning together', () => {
  expect(parseStages('discover')).toMatchObject({
    ok: false,
    message: expect.stringContaining('discover,plan'),
  })
  expect(parseStages('plan,convert')).toMatchObject({ ok: false })
})
