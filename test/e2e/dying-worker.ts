/** `tidewater run` in its folder, but the process dies as soon as it begins to convert something of partition 1: as of a task that takes all memory. */
import { readFile } from 'node:fs/promises'
import { openParts, type Parts } from '../../services/parts.ts'
import { runPipeline } from '../../services/pipeline.ts'
import { ALL_STAGES } from '../../services/stages.ts'
import { loadConfig } from '../../shared/config/load-config.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'

const POISONED_PARTITION = 1

const path = `${process.cwd()}/tidewater.yaml`
const loaded = loadConfig(await readFile(path, 'utf8'), { path, env: process.env })
if (loaded.kind === 'errors') throw new Error(JSON.stringify(loaded.errors))
const parts = await openParts(loaded.config, {
  runtime: systemRuntime,
  stages: ALL_STAGES,
  report: () => undefined,
})
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const convert: Parts['convert'] = async request => {
  if (request.task.slices.some(slice => slice.partition === POISONED_PARTITION))
    process.kill(process.pid, 'SIGKILL')
  return await parts.convert(request)
}
await runPipeline({ ...parts, convert }, stop)
await parts.close()
