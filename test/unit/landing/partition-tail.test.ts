import { expect, test } from 'vitest'
import { readPartitionTail } from '../../../services/landing/partition-tail.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'
import { sampleSegment, utf8 } from '../../fakes/segment-rows.ts'

const folder = 'orders/0/'
const name = (offset: number, extension: string) =>
  `${folder}segment-${`${offset}`.padStart(20, '0')}.${extension}`

test('an empty partition begins at 0', async () => {
  expect(await readPartitionTail(new MemoryObjectStore(), folder)).toEqual({
    nextOffset: 0n,
    orphanKeys: new Set(),
  })
})

test('the last indexed segment decides, orphans after it are named, other files are ignored', async () => {
  const store = new MemoryObjectStore()
  for (const base of [50, 100]) {
    await store.put(name(base, 'kfs'), sampleSegment('none', BigInt(base)).segment)
    await store.put(name(base, 'index'), utf8('index'))
  }
  await store.put(name(60, 'kfs'), utf8('an old orphan'))
  await store.put(name(135, 'kfs'), utf8('an orphan'))
  await store.put(name(200, 'index'), utf8('an index alone'))
  await store.put(`${folder}notes.txt`, utf8('?'))
  expect(await readPartitionTail(store, folder)).toEqual({
    nextOffset: 135n,
    orphanKeys: new Set([name(135, 'kfs')]),
  })
})

test('a footer below its own base offset is refused', async () => {
  const store = new MemoryObjectStore()
  await store.put(name(500, 'kfs'), sampleSegment('none', 100n).segment)
  await store.put(name(500, 'index'), utf8('index'))
  await expect(readPartitionTail(store, folder)).rejects.toMatchObject({ code: 'land-tail-unreadable' })
})
