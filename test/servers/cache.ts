/**
 * The cache of servers and clients that tests build or download, outside the clone: `$TIDEWATER_CACHE`, else `~/.cache/tidewater`.
 *
 * An entry is made once, by one process at a time, in a temporary folder that is renamed into place when whole: what stands under
 * its name is complete. A crash leaves a lock whose owner is dead, which the next process takes over, and a temporary folder.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A build that takes longer than this is stuck. */
const MAX_WAIT_MS = 30 * 60_000
const POLL_MS = 500

export function cacheFolder(): string {
  return process.env.TIDEWATER_CACHE ?? join(homedir(), '.cache', 'tidewater')
}

/**
 * The path of cache entry `name` (a folder), made by `make` in an empty folder when it is not there yet.
 * Put everything that decides the content, versions above all, into the name.
 */
export async function cached(name: string, make: (folder: string) => void): Promise<string> {
  const path = join(cacheFolder(), name)
  if (existsSync(path)) return path
  mkdirSync(dirname(path), { recursive: true })
  const unlock = await lock(`${path}.lock`)
  try {
    if (existsSync(path)) return path
    const partial = mkdtempSync(`${path}.partial-`)
    try {
      make(partial)
      renameSync(partial, path)
    } catch (error) {
      rmSync(partial, { recursive: true, force: true })
      throw error
    }
    return path
  } finally {
    unlock()
  }
}

async function lock(path: string): Promise<() => void> {
  const until = Date.now() + MAX_WAIT_MS
  while (Date.now() < until) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (!existsSync(path)) {
        if (isCode(error, 'EEXIST')) continue
        throw error
      }
    }
    if (!isAlive(path)) rmSync(path, { force: true })
    else await sleep(POLL_MS)
  }
  throw new Error(
    `${path}: another process held this lock for ${MAX_WAIT_MS / 60_000} minutes; end it, or remove the file.`,
  )
}

function isAlive(lockPath: string): boolean {
  try {
    const pid = Number(readFileSync(lockPath, 'utf8'))
    // Empty just after its creation: its owner is about to write.
    if (pid === 0) return true
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** Runs an installation step and fails with what it was for, the command and the end of its output. */
export function runStep(
  what: string,
  command: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): string {
  const [program, ...args] = command
  const result = spawnSync(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
    timeout: MAX_WAIT_MS,
  })
  if (result.status === 0) return result.stdout
  const cause = result.error?.message ?? `exit ${result.status ?? result.signal}`
  const tail = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-15).join('\n')
  throw new Error(`${what} failed: \`${command.join(' ')}\` (${cause})\n${tail}`)
}
