/** Runs the command line in a folder of its own, as a user would: a process, arguments, exit codes, output. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LAUNCHER = fileURLToPath(new URL('../../services/cli/launcher.js', import.meta.url))

export interface CliResult {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Workspace {
  readonly folder: string
  path(name: string): string
  write(name: string, text: string): Promise<void>
  /** Runs `tidewater …` to its end. */
  tidewater(args: readonly string[], input?: string | Uint8Array): Promise<CliResult>
  /** Starts `tidewater …` and leaves it running; whoever starts it ends it. */
  start(args: readonly string[]): ChildProcess
  /** The same folder for another copy of the program. */
  withProgram(launcher: string): Workspace
  remove(): Promise<void>
}

export async function createWorkspace(env: Readonly<Record<string, string>> = {}): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-e2e-'))
  return workspaceOf(folder, env, LAUNCHER)
}

function workspaceOf(folder: string, env: Readonly<Record<string, string>>, launcher: string): Workspace {
  const start = (args: readonly string[]) =>
    spawn(process.execPath, [launcher, ...args], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
  return {
    folder,
    path: name => join(folder, name),
    write: (name, text) => writeFile(join(folder, name), text),
    start,
    async tidewater(args, input = '') {
      const child = start(args)
      child.stdin?.on('error', () => undefined).end(input)
      const [stdout, stderr, exitCode] = await Promise.all([
        textOf(child.stdout),
        textOf(child.stderr),
        new Promise<number | null>(resolve => child.once('close', resolve)),
      ])
      return { exitCode, stdout, stderr }
    },
    withProgram: other => workspaceOf(folder, env, other),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += String(chunk)
  return text
}
