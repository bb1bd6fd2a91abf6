/**
 * The file that a result goes into. It appears under its name when it is whole, in the place of a file that was there, and never in that of
 * a device, a pipe or a folder. A process that is killed leaves `<name>.<id>.partial` behind.
 */
import { appendFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AppError } from '../../shared/runtime/errors.ts'

export interface OutputFile {
  /** Empty at first. */
  readonly partialPath: string
  append(text: string): Promise<void>
  /** Gives the file its name. */
  keep(): Promise<void>
  /** Removes what was not kept. */
  discard(): Promise<void>
}

/** Errors: `query-option-invalid` (fatal), before anything is computed; `query-output-failed` (fatal) from the methods. */
export async function openOutputFile(path: string, id: string): Promise<OutputFile> {
  // Through a link, the file that it points at is replaced, not the link.
  const target = await realpath(path).catch(() => resolve(path))
  const there = await stat(target).catch(() => undefined)
  if (there !== undefined && !there.isFile())
    throw failure('query-option-invalid', path, 'something that is no file is there')
  const partialPath = `${target}.${id}.partial`
  await attempt('query-option-invalid', path, writeFile(partialPath, '', { flag: 'wx' }))
  return {
    partialPath,
    append: text => attempt('query-output-failed', path, appendFile(partialPath, text)),
    keep: () => attempt('query-output-failed', path, rename(partialPath, target)),
    discard: () => rm(partialPath, { force: true }),
  }
}

type Code = 'query-option-invalid' | 'query-output-failed'

async function attempt<T>(code: Code, path: string, step: Promise<T>): Promise<T> {
  try {
    return await step
  } catch (cause) {
    throw failure(code, path, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function failure(code: Code, path: string, why: string, cause?: unknown): AppError {
  const message = `--output ${path} cannot be written: ${why}. Name a file in a folder that is there, may be written to and has room.`
  return new AppError({ code, next: 'fatal', message, cause })
}
