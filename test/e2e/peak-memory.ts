/** The most memory that a process of a workspace had: each notes it, in kibibytes, in a file of its folder when it ends. */
import { readFile } from 'node:fs/promises'
import type { Workspace } from './tidewater-cli.ts'

/** On Linux `maxRSS` is never less than what the parent had when it started the process: here the test's own process, with its data. */
const NOTE_PEAK = `
import { readFileSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
const peakKib = () => process.platform === 'linux'
  ? /^VmHWM:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]
  : String(process.resourceUsage().maxRSS)
if (isMainThread) process.on('exit', () => writeFileSync('peak-kib', peakKib()))`

/** Environment for `createWorkspace`. */
export const NOTING_PEAK = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(NOTE_PEAK)}`,
}

/** Of the process that ended last. */
export async function peakBytesOf(workspace: Workspace): Promise<number> {
  return Number(await readFile(workspace.path('peak-kib'), 'utf8')) * 1024
}
