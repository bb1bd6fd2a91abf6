import { afterEach, describe, expect, it } from 'vitest'
import { AppError } from '../../../shared/runtime/errors.ts'
import { type Serving, serve } from './serving.ts'

let serving: Serving
afterEach(() => serving.end())

describe('failures', () => {
  const failing = async (error: unknown) => {
    serving = await serve()
    Object.assign(serving.pipeline.metadata, { loadTable: () => Promise.reject(error) })
    return await serving.get('/api/v1/tables/x')
  }

  it('one that may pass is 503 with its code, one that does not is 500', async () => {
    const error = (next: 'retry' | 'park') =>
      new AppError({ code: 'database-busy', next, message: 'try later' })
    const passing = await failing(error('retry'))
    expect([passing.status, passing.headers.get('retry-after')]).toEqual([503, '1'])
    expect(passing.body).toMatchObject({ code: 'database-busy', detail: 'try later' })
    await serving.end()
    expect((await failing(error('park'))).status).toBe(500)
  })

  it('an unforeseen one tells the client nothing of itself, and the log everything', async () => {
    const { status, text } = await failing(new TypeError('secret of the house'))
    expect([status, text.includes('secret')]).toEqual([500, false])
    expect(serving.pipeline.progress).toMatchObject([
      { kind: 'problem', where: 'server: GET /api/v1/tables/:name', message: 'secret of the house' },
      { kind: 'requested', method: 'GET', route: '/api/v1/tables/:name', status: 500 },
    ])
  })

  it('an answer that takes too long is given up', async () => {
    serving = await serve({ requestTimeoutMs: 1000 })
    Object.assign(serving.pipeline.metadata, { loadTable: () => new Promise(() => {}) })
    const { status, body } = await serving.get('/api/v1/tables/x')
    expect([status, body]).toMatchObject([503, { code: 'request-timeout' }])
  })
})

it('a process without the stage serve says where the API and the catalog are', async () => {
  const serving = await serve({}, {}, new Set(['convert']))
  try {
    const { status, body } = await serving.get('/api/v1/scaling')
    expect([status, body]).toMatchObject([
      404,
      { detail: expect.stringMatching(/does not run the stage serve/) },
    ])
    expect((await serving.get('/metrics')).status).toBe(200)
  } finally {
    await serving.end()
  }
})

describe('closing', () => {
  /** A request that is answered when told. */
  const hold = () => {
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    Object.assign(serving.pipeline.metadata, { loadTable: () => held })
    return release
  }

  it('lets a request under way end, and takes no more', async () => {
    serving = await serve()
    const release = hold()
    const answer = serving.get('/api/v1/tables/x')
    await new Promise(resolve => setTimeout(resolve, 200))
    const started = performance.now()
    const closed = serving.close()
    await expect(fetch(`${serving.url}/healthz`)).rejects.toThrow()
    release()
    const { status, headers } = await answer
    expect([status, headers.get('connection')]).toEqual([404, 'close'])
    await closed
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('waits no longer than it was told', async () => {
    serving = await serve({ stopTimeoutMs: 300 })
    const release = hold()
    const answer = serving.get('/api/v1/tables/x').catch(() => 'cut off')
    await new Promise(resolve => setTimeout(resolve, 200))
    const started = performance.now()
    await serving.close()
    expect(performance.now() - started).toBeLessThan(3000)
    expect(await answer).toBe('cut off')
    release()
  })
})
