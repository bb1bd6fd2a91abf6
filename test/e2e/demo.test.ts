/** `npm run demo -- --serve` as a newcomer runs it, beside another program that has the usual port. The lines that it prints are tried in test/interop. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const DEMO = join(import.meta.dirname, '../../examples/demo.ts')
const USUAL_PORT = 8181
const PATIENCE_MS = 120_000

test('the demo serves its tables at a free port, says how engines reach them, and ends well at Ctrl-C', async () => {
  const taken = createServer().on('error', () => undefined)
  taken.listen(USUAL_PORT, '127.0.0.1')
  const child = spawn(process.execPath, [DEMO, '--serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  try {
    let said = ''
    child.stdout.on('data', chunk => {
      said += String(chunk)
    })
    const end = Date.now() + PATIENCE_MS
    // The last of the lines that connect engines.
    while (!/^SELECT \* FROM tidewater\.shop\.orders/m.test(said)) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`the demo does not serve:\n${said}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    const url = /^Serving (\S+)/m.exec(said)?.[1] ?? ''
    expect(url).not.toContain(`:${USUAL_PORT}`)
    for (const engine of ['PyIceberg', 'Spark', 'Trino', 'DuckDB']) expect(said).toContain(`\n${engine}, in `)
    expect(said.split(`${url}/catalog`)).toHaveLength(6)
    const answer = await fetch(`${url}/catalog/v1/local/namespaces/shop/tables/orders`)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('"total-records":"2972"')
  } finally {
    child.kill('SIGINT')
    taken.close()
  }
  expect((await closed)[0]).toBe(0)
})
