/**
 * The folder in which a file store keeps what is being written, and the end of what crashed writers left there.
 *
 * One folder for the whole store, so that finding leftovers costs one look rather than a walk through all tables. Only files that lie
 * directly in it and are older than a day are removed: no write takes that long. Were one so slow, or a clock so wrong, its put would
 * fail and be tried again; an object is never touched.
 */
import { opendir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Runtime } from '../runtime/runtime.ts'
import { TEMPORARY_PREFIX } from './object-key.ts'

const FOLDER = `${TEMPORARY_PREFIX}puts`
const LEFT_BEHIND_MS = 24 * 3_600_000
/** Looked at by one store; what is beyond them is left to the next process. */
const MAX_LOOKED_AT = 10_000

export interface TemporaryFiles {
  readonly folder: string
  /** At the first call; later ones wait for it. Never fails: what cannot be removed now stays. */
  sweepOnce(): Promise<void>
}

export function createTemporaryFiles(rootPath: string, runtime: Pick<Runtime, 'nowMs'>): TemporaryFiles {
  const folder = join(rootPath, FOLDER)
  let sweeping: Promise<void> | undefined
  return {
    folder,
    sweepOnce() {
      sweeping ??= sweep(folder, runtime.nowMs() - LEFT_BEHIND_MS).catch(() => {})
      return sweeping
    },
  }
}

async function sweep(folder: string, beforeMs: number): Promise<void> {
  let lookedAt = 0
  for await (const entry of await opendir(folder)) {
    if (++lookedAt > MAX_LOOKED_AT) return
    if (!entry.isFile()) continue
    const path = join(folder, entry.name)
    const { mtimeMs } = await stat(path)
    if (mtimeMs < beforeMs) await unlink(path)
  }
}
