import { afterEach, expect, it } from 'vitest'
import { type Serving, serve } from './serving.ts'

let serving: Serving
afterEach(() => serving.end())

it('is ready once every table is declared', async () => {
  serving = await serve()
  const before = await serving.get('/readyz')
  expect([before.status, before.body]).toEqual([
    503,
    { status: 'not ready', reasons: ['table shop.orders is not declared yet'] },
  ])
  await serving.pipeline.declare()
  expect((await serving.get('/readyz')).status).toBe(200)
})

it('is not ready, and yet alive, once it has been told to stop', async () => {
  serving = await serve()
  await serving.pipeline.declare()
  serving.stopping.abort()
  expect((await serving.get('/readyz')).body).toMatchObject({ reasons: ['the process is stopping'] })
  expect((await serving.get('/healthz')).status).toBe(200)
})

it('is not ready, and yet alive, while the database does not answer; why is nobody’s business without a token', async () => {
  serving = await serve()
  const { metadata } = serving.pipeline
  const { nowMs } = metadata
  Object.assign(metadata, { nowMs: () => Promise.reject(new Error('disk sda1 is gone')) })
  const { status, text } = await serving.get('/readyz')
  expect([status, text.includes('sda1')]).toEqual([503, false])
  expect((await serving.get('/healthz')).status).toBe(200)
  Object.assign(metadata, { nowMs })
})
