/** The most memory that a process of a workspace had: each notes it, in kibibytes, in a file of its folder when it ends. */
import { readFile } from 'node:fs/promises'
import type { Workspace } from './tidewater-cli.ts'

const NOTE_PEAK = `
import { writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
if (isMainThread) process.on('exit', () => writeFileSync('peak-kib', String(process.resourceUsage().maxRSS)))`

/** Environment for `createWorkspace`. */
export const NOTING_PEAK = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(NOTE_PEAK)}`,
}

/** Of the process that ended last. */
export async function peakBytesOf(workspace: Workspace): Promise<number> {
  return Number(await readFile(workspace.path('peak-kib'), 'utf8')) * 1024
}
