/**
 * Lives through simulated worlds: `node test/simulation/run.ts [--first n] [--count n] [--threads n]`, or one with `--seed n`. A world that
 * breaks is shrunk, and what is left of it printed. Exits 1 when one broke.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { liveThroughMany } from './many-worlds.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    first: { type: 'string', default: '0' },
    count: { type: 'string', default: '100' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
})
const startedMs = performance.now()
const seconds = () => Math.round((performance.now() - startedMs) / 1000)
const sums = await liveThroughMany({
  first: Number(values.seed ?? values.first),
  count: values.seed === undefined ? Number(values.count) : 1,
  threads: Number(values.threads),
  onBroken: text => console.log(`\n${text}\n`),
  onProgress: ({ worlds, broken }) => {
    if (worlds % 100 === 0) console.log(`${worlds} worlds in ${seconds()} s, ${broken} broken`)
  },
})
const { worlds, broken, processes, calls, faults, struck } = sums
console.log(
  `${worlds} worlds in ${seconds()} s: ${broken} broken; ${processes} processes, ${calls} calls, ${faults} faults and delays, in ${struck} worlds`,
)
if (broken > 0) process.exitCode = 1
