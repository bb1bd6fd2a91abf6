import { describe, expect, test } from 'vitest'
import { aborted, createLoopGroup } from '../../../shared/runtime/loop-group.ts'

const NEVER = new AbortController().signal

describe('createLoopGroup', () => {
  test('stops the rest once the body has ended, and ends after it', async () => {
    const ended: string[] = []
    const group = createLoopGroup(NEVER)
    group.start(async signal => {
      await aborted(signal)
      await Promise.resolve()
      ended.push('loop')
    })
    expect(await group.run(async () => 7)).toBe(7)
    expect(ended).toEqual(['loop'])
  })

  test('a loop that fails stops the body and the others, and is what is thrown', async () => {
    const group = createLoopGroup(NEVER)
    const ended: string[] = []
    group.start(async signal => {
      await aborted(signal)
      ended.push('other')
      throw new Error('a consequence')
    })
    group.start(async () => {
      throw new Error('the cause')
    })
    await expect(group.run(aborted)).rejects.toThrow('the cause')
    expect(ended).toEqual(['other'])
  })

  test('a body that fails stops the loops before it is thrown', async () => {
    const group = createLoopGroup(NEVER)
    let isStopped = false
    group.start(async signal => {
      await aborted(signal)
      isStopped = true
    })
    await expect(group.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(isStopped).toBe(true)
  })

  test('stops when it is told to from outside', async () => {
    const outer = new AbortController()
    const group = createLoopGroup(outer.signal)
    group.start(aborted)
    const running = group.run(aborted)
    outer.abort()
    await running
  })

  test('waits for work that was started while it ran', async () => {
    const group = createLoopGroup(NEVER)
    let isDone = false
    group.start(async signal => {
      await aborted(signal)
      group.start(async () => {
        await Promise.resolve()
        isDone = true
      })
    })
    await group.run(async () => undefined)
    expect(isDone).toBe(true)
  })
})
