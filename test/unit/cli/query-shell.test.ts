import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { runQueryShell } from '../../../services/cli/query-shell.ts'
import { AppError } from '../../../shared/runtime/errors.ts'

async function typed(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-shell-'))
  const ran: string[] = []
  let said = ''
  const output = new PassThrough()
  output.on('data', chunk => {
    said += String(chunk)
  })
  const input = new PassThrough()
  input.end(text)
  const historyPath = join(folder, 'history')
  const exitCode = await runQueryShell({
    input,
    output,
    historyPath,
    tableNames: async () => ['shop.orders', 'shop.orders__dlq'],
    run: async statement => {
      ran.push(statement)
      if (statement.includes('fail'))
        throw new AppError({ code: 'query-failed', next: 'fatal', message: 'it failed' })
    },
  })
  await rm(folder, { recursive: true })
  return { ran, said, exitCode }
}

it('statements run at their semicolon, over several lines, and go on after a failure', async () => {
  const { ran, exitCode } = await typed("SELECT\n  ';' AS a\n; SELECT fail; SELECT 2;\nnot finished")
  expect(ran).toEqual(["SELECT\n  ';' AS a", 'SELECT fail', 'SELECT 2'])
  expect(exitCode).toBe(0)
})

it('commands list tables, describe one, and leave', async () => {
  const { ran, said } = await typed('.tables\n.schema shop.orders\n.schema\n.nope\n.help\n.quit\nSELECT 1;\n')
  expect(said).toContain('shop.orders\nshop.orders__dlq\n')
  expect(said).toContain('Name a table')
  expect(said).toContain('no command .nope')
  expect(said).toContain('Ctrl-C cancels')
  expect(ran).toEqual(['DESCRIBE shop.orders'])
})
