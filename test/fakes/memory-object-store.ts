/** An object store in memory that behaves as the port says: ETags by content, byte order, conditions, padded reads. */
import { createHash } from 'node:crypto'
import { assertKey, assertPrefix, compareKeys } from '../../shared/object-store/object-key.ts'
import type {
  ListOptions,
  ObjectInfo,
  ObjectStore,
  PutOutcome,
} from '../../shared/object-store/object-store.ts'
import { copyPadded } from '../../shared/object-store/padded-bytes.ts'
import { AppError } from '../../shared/runtime/errors.ts'

interface StoredObject {
  readonly body: Uint8Array
  readonly info: ObjectInfo
}

export class MemoryObjectStore implements ObjectStore {
  readonly url: string
  /** Keys in the order of the writes, for tests of what was written when. */
  readonly writes: string[] = []
  private readonly objects = new Map<string, StoredObject>()
  private readonly nowMs: () => number

  constructor({ url = 'memory://store', nowMs = () => 0 }: { url?: string; nowMs?: () => number } = {}) {
    this.url = url
    this.nowMs = nowMs
  }

  async *list({
    prefix,
    startAfter,
    limit = Number.POSITIVE_INFINITY,
  }: ListOptions): AsyncIterable<ObjectInfo> {
    assertPrefix(this.url, prefix)
    const keys = [...this.objects.keys()].filter(key => key.startsWith(prefix)).sort(compareKeys)
    const after = startAfter === undefined ? keys : keys.filter(key => compareKeys(key, startAfter) > 0)
    for (const key of after.slice(0, limit)) {
      const object = this.objects.get(key)
      if (object !== undefined) yield object.info
    }
  }

  async listFolders(prefix: string): Promise<readonly string[]> {
    assertPrefix(this.url, prefix)
    const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
    const names = new Set<string>()
    for (const key of this.objects.keys()) {
      const slash = key.startsWith(folder) ? key.indexOf('/', folder.length) : -1
      if (slash > folder.length) names.add(key.slice(folder.length, slash))
    }
    return [...names].sort(compareKeys)
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    assertKey(this.url, key)
    return this.objects.get(key)?.info
  }

  async get(
    key: string,
    options: {
      readonly range?: { readonly start: number; readonly end: number }
      readonly ifMatch?: string
    } = {},
  ): Promise<Uint8Array> {
    assertKey(this.url, key)
    const object = this.objects.get(key)
    if (object === undefined)
      throw failure(
        'object-not-found',
        'park',
        `Could not read the object ${this.url}/${key}: expected it there, found none.`,
      )
    if (options.ifMatch !== undefined && options.ifMatch !== object.info.etag) {
      const { etag } = object.info
      throw failure(
        'object-changed',
        'retry',
        `Could not read the object ${this.url}/${key}: expected ETag ${options.ifMatch}, found ${etag}.`,
      )
    }
    const { start, end } = options.range ?? { start: 0, end: object.body.byteLength }
    const part = object.body.subarray(start, end)
    return copyPadded(part)
  }

  async put(
    key: string,
    body: Uint8Array,
    options: { readonly ifNoneMatch?: boolean } = {},
  ): Promise<PutOutcome> {
    assertKey(this.url, key)
    if (options.ifNoneMatch === true && this.objects.has(key)) return { kind: 'exists' }
    const copy = body.slice()
    const etag = createHash('sha256').update(copy).digest('hex').slice(0, 32)
    this.objects.set(key, {
      body: copy,
      info: { key, sizeBytes: copy.byteLength, etag, lastModifiedMs: this.nowMs() },
    })
    this.writes.push(key)
    return { kind: 'written', etag }
  }

  async delete(key: string): Promise<void> {
    assertKey(this.url, key)
    this.objects.delete(key)
  }

  async close(): Promise<void> {}
}

function failure(code: string, next: 'park' | 'retry', message: string): AppError {
  return new AppError({ code, next, message })
}
