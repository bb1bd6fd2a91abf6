import { readFile } from 'node:fs/promises'
import { storeOptionsOf } from '../../../shared/config/config.ts'
import { loadConfig } from '../../../shared/config/load-config.ts'
import { keyOfLocation } from '../../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { openObjectStore, parseStoreUrl } from '../../../shared/object-store/open-object-store.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { catSegment } from '../../segment-tools/cat-segment.ts'
import { formatInspection } from '../../segment-tools/format-inspection.ts'
import { inspectSegment } from '../../segment-tools/inspect-segment.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import type { ConfigOption } from '../load-config-file.ts'
import { print, printError } from '../terminal.ts'

export async function segmentInspect(options: ConfigOption, url: string): Promise<ExitCode> {
  return await withObject(options, url, async ({ store, key }) => {
    const indexKey = key.replace(/\.kfs$/, '.index')
    const indexBytes = indexKey === key ? undefined : await getIfThere(store, indexKey)
    const inspection = inspectSegment(await store.get(key), {
      key,
      ...(indexBytes !== undefined && { indexBytes, indexKey }),
    })
    for (const line of formatInspection(inspection)) print(line)
    return inspection.problems.length === 0 ? EXIT.done : EXIT.failed
  })
}

export async function segmentCat(options: ConfigOption, url: string): Promise<ExitCode> {
  return await withObject(options, url, async ({ store, key }) => {
    try {
      for (const line of catSegment(await store.get(key), { key })) await printWhenDrained(line)
      return EXIT.done
    } catch (error) {
      // What came before the damage has been printed, and the message says where it lies.
      printError(error)
      return EXIT.failed
    }
  })
}

interface StoredObject {
  readonly store: ObjectStore
  readonly key: string
}

/** Opens the store that holds the object: a source of the configuration where one does, with its endpoint and credentials. */
async function withObject(
  option: ConfigOption,
  url: string,
  body: (object: StoredObject) => Promise<ExitCode>,
): Promise<ExitCode> {
  const object = (await inConfiguredSource(option, url)) ?? besideItself(url)
  try {
    return await body(object)
  } finally {
    await object.store.close()
  }
}

async function inConfiguredSource(
  { config: path }: ConfigOption,
  url: string,
): Promise<StoredObject | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  const loaded = text === undefined ? undefined : loadConfig(text, { path, env: process.env })
  if (loaded?.kind !== 'ok') return undefined
  const location = parseStoreUrl(url, process.cwd()).url
  for (const source of loaded.config.sources) {
    const key = keyOfLocation(source.url, location)
    if (key !== undefined)
      return {
        key,
        store: openObjectStore(source.url, { ...storeOptionsOf(source), runtime: systemRuntime }),
      }
  }
  return undefined
}

/** The topic and partition in the path stay part of the key, so that messages name them. */
function besideItself(url: string): StoredObject {
  const location = parseStoreUrl(url, process.cwd()).url
  const parts = location.split('/')
  const keyParts = Math.min(3, parts.length - 3)
  const key = parts.slice(-keyParts).join('/')
  return { key, store: openObjectStore(parts.slice(0, -keyParts).join('/'), { runtime: systemRuntime }) }
}

async function getIfThere(store: ObjectStore, key: string): Promise<Uint8Array | undefined> {
  try {
    return await store.get(key)
  } catch (error) {
    if (error instanceof AppError && error.code === 'object-not-found') return undefined
    throw error
  }
}

/** A segment may hold more text than the pipe takes at once. */
async function printWhenDrained(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await new Promise(resolve => process.stdout.once('drain', resolve))
}
