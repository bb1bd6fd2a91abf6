import { MemoryObjectStore } from '../fakes/memory-object-store.ts'
import { describeObjectStore } from './object-store.ts'

describeObjectStore('memory, the fake of unit tests', async () => ({
  store: new MemoryObjectStore({ nowMs: () => Date.now() }),
  remove: async () => {},
}))
