/** `npm run chaos -- --minutes N [--seed S]`: exit code 0 when nothing was lost, doubled or left undone. */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { runChaos } from './chaos.ts'

const USAGE_EXIT_CODE = 2
const MAX_SEED = 2 ** 31

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '2' }, seed: { type: 'string' } },
  })
  const minutes = Number(values.minutes)
  const seed = Number(values.seed ?? Math.floor(Math.random() * MAX_SEED))
  if (!(minutes > 0) || !Number.isInteger(seed)) {
    console.error('usage: npm run chaos -- --minutes <more than 0> [--seed <whole number>]')
    process.exitCode = USAGE_EXIT_CODE
    return
  }
  // Servers and processes end with this one, by its handlers of 'exit'.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const run = await runChaos({ seed, minutes, print: line => console.log(line) })
  const failed = run.findings.length > 0
  await run.remove({ keepLogs: failed })
  const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version }
  console.log(JSON.stringify({ seed, minutes, findings: run.findings.length, ...run.figures, machine }))
  if (!failed) return
  console.error(`${run.findings.length} findings; the logs are in ${run.folder}`)
  process.exitCode = 1
}

await main()
