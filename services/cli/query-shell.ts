/**
 * The interactive shell of `tidewater query`: statements over several lines up to a semicolon, commands that begin with a dot, history in
 * the home folder. Ctrl-C cancels what runs, or clears what was typed; Ctrl-D ends.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { isBlank, splitStatements } from '../query/split-statements.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { printError } from './terminal.ts'

const HISTORY_FILE = '.tidewater_history'
const MAX_HISTORY = 1000
const PROMPT = 'tidewater> '
const CONTINUED = '      ...> '

const HELP = `Statements end with a semicolon. Tables are written with their namespace: SELECT * FROM shop.orders LIMIT 10;
.tables          tables by name
.schema <table>  columns of a table
.help            this
.quit            leave (or Ctrl-D)
Ctrl-C cancels the statement that runs.`

export interface ShellOptions {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  readonly tableNames: () => Promise<readonly string[]>
  readonly run: (statement: string, signal: AbortSignal) => Promise<void>
  /** Where history is kept; in the home folder unless given. */
  readonly historyPath?: string
}

export async function runQueryShell(options: ShellOptions): Promise<ExitCode> {
  const { input, output } = options
  const historyPath = options.historyPath ?? join(homedir(), HISTORY_FILE)
  const shell = createInterface({
    input,
    output,
    prompt: PROMPT,
    history: await loadHistory(historyPath),
    historySize: MAX_HISTORY,
    removeHistoryDuplicates: true,
  })
  let history: readonly string[] = []
  shell.on('history', lines => {
    history = lines
  })
  let running: AbortController | undefined
  let typed = ''
  // Input may end while statements of it still run.
  let ended = false
  shell.once('close', () => {
    ended = true
  })
  shell.on('SIGINT', () => {
    if (running !== undefined) return running.abort()
    typed = ''
    output.write('\n')
    ask(shell, typed)
  })
  output.write('Type .help for help.\n')
  ask(shell, typed)
  for await (const line of shell) {
    if (typed === '' && line.trim().startsWith('.')) {
      if (!(await runCommand(line.trim(), options))) break
    } else {
      const { statements, rest } = splitStatements(typed === '' ? line : `${typed}\n${line}`)
      typed = isBlank(rest) ? '' : rest
      for (const statement of statements) {
        running = new AbortController()
        await options.run(statement, running.signal).catch(printError)
        running = undefined
      }
    }
    if (!ended) ask(shell, typed)
  }
  shell.close()
  await saveHistory(historyPath, history)
  return EXIT.done
}

function ask(shell: Interface, typed: string): void {
  shell.setPrompt(typed === '' ? PROMPT : CONTINUED)
  shell.prompt()
}

/** `false` to leave. */
async function runCommand(line: string, { output, tableNames, run }: ShellOptions): Promise<boolean> {
  const [command = '', ...words] = line.replace(/;$/, '').split(/\s+/)
  switch (command) {
    case '.quit':
    case '.exit':
      return false
    case '.tables':
      output.write(`${(await tableNames()).join('\n')}\n`)
      return true
    case '.schema':
      if (words.length === 1)
        await run(`DESCRIBE ${words[0]}`, new AbortController().signal).catch(printError)
      else output.write('Name a table: .schema shop.orders\n')
      return true
    case '.help':
      output.write(`${HELP}\n`)
      return true
    default:
      output.write(`There is no command ${command}; .help lists them.\n`)
      return true
  }
}

/** Newest first, as readline has it. Statements may say things that are nobody else's business: the file is its owner's alone. */
async function loadHistory(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').filter(line => line !== '')
}

async function saveHistory(path: string, history: readonly string[]): Promise<void> {
  if (history.length === 0) return
  // A home that cannot be written to is no reason to fail.
  await writeFile(path, `${history.join('\n')}\n`, { mode: 0o600 }).catch(() => undefined)
}
