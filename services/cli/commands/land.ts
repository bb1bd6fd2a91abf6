import { storeOptionsOf } from '../../../shared/config/config.ts'
import { parseSizeBytes } from '../../../shared/config/scalars.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import type { WriterCodec } from '../../../shared/segment/codec.ts'
import { landTopic } from '../../landing/land.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, findNamed, withConfig } from '../load-config-file.ts'
import { note, print } from '../terminal.ts'

interface LandOptions extends ConfigOption {
  readonly source?: string
  readonly to?: string
  readonly partitions: number
  readonly key?: string
  readonly codec: WriterCodec
  readonly segmentBytes: string
}

export async function land(options: LandOptions, topic: string): Promise<ExitCode> {
  const segmentBytes = parseSizeBytes(options.segmentBytes)
  if (!segmentBytes.ok) {
    note(`tidewater: --segment-bytes ${options.segmentBytes}: expected ${segmentBytes.expected}`)
    return EXIT.usage
  }
  const landIn = (store: ObjectStore, workerMemoryBytes?: number) =>
    landLines(store, {
      ...options,
      topic,
      segmentBytes: segmentBytes.value,
      ...(workerMemoryBytes !== undefined && { workerMemoryBytes }),
    })
  if (options.to !== undefined)
    return await landIn(openObjectStore(options.to, { baseFolder: process.cwd(), runtime: systemRuntime }))
  return await withConfig(options, async ({ sources, limits }) => {
    const [only] = sources
    if (options.source === undefined && sources.length !== 1) {
      note(`tidewater: the configuration has ${sources.length} sources; name one with --source`)
      return EXIT.usage
    }
    const source = options.source === undefined ? only : findNamed('source', sources, options.source)
    if (source === undefined) return EXIT.usage
    const store = openObjectStore(source.url, { ...storeOptionsOf(source), runtime: systemRuntime })
    return await landIn(store, limits.workerMemoryBytes)
  })
}

async function landLines(
  store: ObjectStore,
  options: Omit<LandOptions, 'segmentBytes'> & {
    readonly topic: string
    readonly segmentBytes: number
    readonly workerMemoryBytes?: number
  },
): Promise<ExitCode> {
  const { topic, partitions, codec, segmentBytes, workerMemoryBytes, key } = options
  try {
    const landed = await landTopic({
      store,
      topic,
      partitions,
      codec,
      segmentBytes,
      input: process.stdin,
      runtime: systemRuntime,
      ...(workerMemoryBytes !== undefined && { workerMemoryBytes }),
      ...(key !== undefined && { keyPath: key }),
    })
    for (const { partition, startOffset, endOffset } of landed.partitions)
      print(`${topic}-${partition}: offsets ${startOffset} to ${endOffset - 1n}`)
    print(
      `landed ${landed.recordCount} records in ${landed.segmentCount} segments, ${landed.sizeBytes} bytes, below ${store.url}/${topic}`,
    )
    return EXIT.done
  } finally {
    await store.close()
  }
}
