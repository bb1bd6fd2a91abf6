import { describe, expect, it } from 'vitest'
import { connectS3 } from '../../../shared/object-store/s3-connection.ts'
import { createRetryBudget, request } from '../../../shared/object-store/s3-requests.ts'

const operation = { action: 'read the object', key: 'a' }
const unavailable = () => Object.assign(new Error('slow down'), { name: 'SlowDown' })

function connect(random: () => number, options: { maxRequests?: number } = {}) {
  const waitsMs: number[] = []
  const store = connectS3(
    { bucket: 'bucket', prefix: '', region: 'eu-1', ...options },
    {
      random,
      uuid: () => '',
      sleep: async ms => {
        waitsMs.push(ms)
      },
    },
  )
  return { store, waitsMs }
}

describe('a request', () => {
  it('waits a random part of a time that doubles, and no longer than the maximum', async () => {
    const { store, waitsMs } = connect(() => 0.5)
    await expect(
      request(store, operation, async () => {
        throw unavailable()
      }),
    ).rejects.toMatchObject({ code: 'store-unavailable', next: 'retry' })
    expect(waitsMs).toEqual([200, 400, 800, 1600, 3200])
    const { store: hasty, waitsMs: none } = connect(() => 0)
    await request(hasty, operation, async attempt => {
      if (attempt < 3) throw unavailable()
    })
    expect(none).toEqual([0, 0])
  })

  it('holds no slot while it waits', async () => {
    const { store } = connect(() => 0, { maxRequests: 1 })
    const answers = [1, 2].map(i =>
      request(store, operation, async attempt => {
        if (attempt === 1) throw unavailable()
        return i
      }),
    )
    expect(await Promise.all(answers)).toEqual([1, 2])
  })

  it('is tried once when it is refused', async () => {
    const { store, waitsMs } = connect(() => 0.5)
    const refusal = Object.assign(new Error('no'), {
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
    })
    await expect(
      request(store, operation, async () => {
        throw refusal
      }),
    ).rejects.toMatchObject({ code: 'access-denied', next: 'wait' })
    expect(waitsMs).toEqual([])
  })
})

it('the budget gives out so many retries while nothing succeeds, and one more for each two successes', () => {
  const budget = createRetryBudget()
  let taken = 0
  while (budget.take()) taken++
  expect(taken).toBe(64)
  expect(budget.hasSucceeded).toBe(false)
  budget.refill()
  expect(budget.take()).toBe(false)
  budget.refill()
  expect(budget.take()).toBe(true)
  expect(budget.take()).toBe(false)
  expect(budget.hasSucceeded).toBe(true)
})
