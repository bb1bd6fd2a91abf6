/** Prometheus' own tool judges what is exported and the alert rules that are shipped, and runs the tests of the rules. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createMetrics } from '../../../services/metrics/metrics.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'
import { ALERTS_PATH } from '../../servers/dashboards.ts'
import { installPromtool } from '../../servers/install.ts'

let promtool: string
let pipeline: Pipeline

beforeAll(async () => {
  promtool = await installPromtool()
  pipeline = await openPipeline()
})
afterAll(() => pipeline.close())

function run(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(promtool, args, { input, encoding: 'utf8' })
  return { status, said: `${stdout}${stderr}` }
}

it('every metric is well formed and well named', async () => {
  const metrics = createMetrics(pipeline.parts)
  await land(pipeline.source, [...ids(0, 20), 'no json'])
  await pipeline.settle()
  await pipeline.publish()
  for (const said of pipeline.progress) metrics.observe(said)
  metrics.observe({ kind: 'problem', where: 'here', code: 'a"b\\c\nd', message: '', next: 'retry' })
  const { status, said } = run(['check', 'metrics'], await metrics.text())
  // 1: it cannot be parsed. 3: advice, of which those of prom-client's default metrics have some.
  expect([0, 3]).toContain(status)
  expect(said.split('\n').filter(line => line.startsWith('tidewater_'))).toEqual([])
  expect(run(['check', 'metrics'], 'tidewater_query_lag_seconds{ 1\n').status).toBe(1)
})

it('the alert rules are valid', () => {
  const { status, said } = run(['check', 'rules', ALERTS_PATH])
  expect([status, said]).toEqual([0, expect.stringContaining('rules found')])
})

it('alerts fire when they should, and stay silent when they should', () => {
  const { status, said } = run(['test', 'rules', join(import.meta.dirname, 'alerts.test.yaml')])
  expect([status, said]).toEqual([0, expect.stringContaining('SUCCESS')])
})
