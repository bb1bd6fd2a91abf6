/** The peak that memory tests and the bench go by is the process's own, whatever its parent had when it started it. */
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { NOTING_PEAK, peakBytesOf } from './peak-memory.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const MIB = 1024 * 1024
/** More than a small Node process takes, by far. */
const PARENT_BYTES = 512 * MIB
const OWN_BYTES = 64 * MIB
const CHILD = new URL('../../bench/whole-way/child.ts', import.meta.url).href

let workspace: Workspace
let ofParent: Buffer
beforeEach(async () => {
  workspace = await createWorkspace()
  ofParent = Buffer.alloc(PARENT_BYTES, 1)
})
afterEach(() => workspace.remove())

const run = (script: string) =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: workspace.folder,
    env: { ...process.env, ...NOTING_PEAK },
    encoding: 'utf8',
  })

const HOLDING = `const held = Buffer.alloc(${OWN_BYTES}, 1); if (held[1] !== 1) throw new Error();`

test('a process that ends notes what it had itself', async () => {
  run(HOLDING)
  const peakBytes = await peakBytesOf(workspace)
  expect(ofParent).toHaveLength(PARENT_BYTES)
  expect(peakBytes).toBeGreaterThan(OWN_BYTES)
  expect(peakBytes).toBeLessThan(PARENT_BYTES)
})

test("a bench's child answers what it had itself", () => {
  const peakBytes = Number(
    run(`import { peakRssBytes } from '${CHILD}'; ${HOLDING} console.log(peakRssBytes())`),
  )
  expect(ofParent).toHaveLength(PARENT_BYTES)
  expect(peakBytes).toBeGreaterThan(OWN_BYTES)
  expect(peakBytes).toBeLessThan(PARENT_BYTES)
})
