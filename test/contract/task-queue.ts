/** What every task queue must do; run unchanged against each implementation. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TaskQueue } from '../../shared/queue/task-queue.ts'

export interface QueueUnderTest {
  /** Empty, used by nothing else, with room for `maxWaiting` ids. */
  readonly open: (maxWaiting: number) => Promise<TaskQueue>
}

export function describeTaskQueue(name: string, { open }: QueueUnderTest): void {
  describe(`task queue: ${name}`, () => {
    const running = new AbortController().signal
    let queue: TaskQueue
    beforeEach(async () => {
      queue = await open(4)
    })
    afterEach(() => queue.close())

    it('gives ids out in the order in which they came', async () => {
      await queue.enqueue(['a', 'b'])
      await queue.enqueue(['c'])
      expect([await queue.take(running), await queue.take(running), await queue.take(running)]).toEqual([
        'a',
        'b',
        'c',
      ])
      expect(await queue.size()).toBe(0)
    })

    it('keeps an id that waits already once, in its place', async () => {
      await queue.enqueue(['a', 'b'])
      expect(await queue.enqueue(['b', 'a', 'c', 'c'])).toEqual(['b', 'a', 'c'])
      expect(await queue.size()).toBe(3)
      expect(await queue.take(running)).toBe('a')
    })

    it('gives fresh ids out before the backlog, each in the order in which they came', async () => {
      await queue.enqueue(['old1', 'old2'], 'backlog')
      await queue.enqueue(['new1', 'new2'], 'fresh')
      const taken: unknown[] = []
      for (let i = 0; i < 4; i++) taken.push(await queue.take(running))
      expect(taken).toEqual(['new1', 'new2', 'old1', 'old2'])
    })

    it('takes an id again that was taken before', async () => {
      await queue.enqueue(['a'])
      await queue.take(running)
      expect(await queue.enqueue(['a'])).toEqual(['a'])
      expect(await queue.take(running)).toBe('a')
    })

    it('says which ids it had no room for', async () => {
      expect(await queue.enqueue(['a', 'b', 'c', 'd', 'e', 'a'])).toEqual(['a', 'b', 'c', 'd'])
      expect(await queue.size()).toBe(4)
      await queue.take(running)
      expect(await queue.enqueue(['e', 'f'])).toEqual(['e'])
    })

    it('hands a late id to a taker that waits, and each id to one taker only', async () => {
      const takers = Promise.all([queue.take(running), queue.take(running)])
      await queue.enqueue(['a'])
      await queue.enqueue(['b'])
      expect([...(await takers)].sort()).toEqual(['a', 'b'])
      expect(await queue.size()).toBe(0)
    })

    it('hands an id that is enqueued twice in one call to one taker', async () => {
      const stopping = new AbortController()
      const takers = [queue.take(stopping.signal), queue.take(stopping.signal)]
      expect(await queue.enqueue(['a', 'a'])).toEqual(['a'])
      expect(await Promise.race(takers)).toBe('a')
      stopping.abort()
      expect((await Promise.all(takers)).filter(taken => taken !== undefined)).toEqual(['a'])
      expect(await queue.size()).toBe(0)
    })

    it('ends a wait when its signal aborts, and loses no id to it', async () => {
      const stopping = new AbortController()
      const taken = queue.take(stopping.signal)
      stopping.abort()
      expect(await taken).toBeUndefined()
      await queue.enqueue(['a'])
      expect(await queue.take(stopping.signal)).toBeUndefined()
      expect(await queue.take(running)).toBe('a')
    })

    it('ends every wait when it closes, and takes nothing more', async () => {
      const takers = Promise.all([queue.take(running), queue.take(running)])
      await queue.close()
      expect(await takers).toEqual([undefined, undefined])
      expect(await queue.take(running)).toBeUndefined()
      expect(await queue.enqueue(['a'])).toEqual([])
      await queue.close()
    })
  })
}
