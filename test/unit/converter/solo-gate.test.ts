import { expect, test } from 'vitest'
import { createSoloGate } from '../../../services/converter/solo-gate.ts'

/** Work that ends when it is told to, and says when it begins. */
function openWork(log: string[]) {
  const ends = new Map<string, PromiseWithResolvers<void>>()
  return {
    of: (name: string) => async () => {
      log.push(name)
      const end = Promise.withResolvers<void>()
      ends.set(name, end)
      await end.promise
      return name
    },
    end: (name: string) => ends.get(name)?.resolve(),
    fail: (name: string) => ends.get(name)?.reject(new Error(name)),
  }
}
const settled = () => new Promise(resolve => setImmediate(resolve))

test('shared work runs side by side, and what must be alone waits for it and holds up what comes after', async () => {
  const log: string[] = []
  const work = openWork(log)
  const gate = createSoloGate()
  const first = gate.shared(work.of('a'))
  const second = gate.shared(work.of('b'))
  const alone = gate.alone(work.of('alone'))
  const third = gate.shared(work.of('c'))
  await settled()
  expect(log).toEqual(['a', 'b'])
  work.end('a')
  await settled()
  expect(log).toEqual(['a', 'b'])
  work.end('b')
  await settled()
  expect(log).toEqual(['a', 'b', 'alone'])
  work.end('alone')
  await settled()
  expect(log).toEqual(['a', 'b', 'alone', 'c'])
  work.end('c')
  expect(await Promise.all([first, second, alone, third])).toEqual(['a', 'b', 'alone', 'c'])
})

test('two that must be alone take turns, and a failure lets the next one in', async () => {
  const log: string[] = []
  const work = openWork(log)
  const gate = createSoloGate()
  const shared = gate.shared(work.of('shared'))
  const one = gate.alone(work.of('one'))
  const two = gate.alone(work.of('two'))
  await settled()
  work.fail('shared')
  await expect(shared).rejects.toThrow('shared')
  await settled()
  expect(log).toEqual(['shared', 'one'])
  work.fail('one')
  await expect(one).rejects.toThrow('one')
  await settled()
  expect(log).toEqual(['shared', 'one', 'two'])
  work.end('two')
  expect(await two).toBe('two')
})
