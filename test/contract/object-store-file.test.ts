import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileObjectStore } from '../../shared/object-store/file-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { describeObjectStore } from './object-store.ts'

describeObjectStore('file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-store-'))
  return {
    store: createFileObjectStore(join(folder, 'not', 'made yet'), systemRuntime),
    remove: () => rm(folder, { recursive: true }),
  }
})
