/**
 * Tells the other processes, and who looks, that this one lives and what it does. A process that dies is taken for gone when it has been
 * silent for a while; nothing else depends on it, so a heartbeat that fails is only reported.
 */
import { HEARTBEAT_INTERVAL_MS } from '../../shared/metadata/processes.ts'
import { runLoop } from '../../shared/runtime/loop.ts'
import { type Parts, problemOf } from '../parts.ts'
import type { ConversionMeter } from './conversion-meter.ts'

export interface HeartbeatOptions {
  readonly version: string
  readonly meter: ConversionMeter
}

/** Says so while `body` runs, and at its end that the process has ended. */
export async function withHeartbeat<T>(
  parts: Parts,
  { version, meter }: HeartbeatOptions,
  body: () => Promise<T>,
): Promise<T> {
  const { metadata, runtime, stages, holder, workers } = parts
  const over = new AbortController()
  const onFailure = problemOf(parts, 'telling that this process lives')
  const beating = runLoop(
    { runtime, signal: over.signal, intervalMs: HEARTBEAT_INTERVAL_MS, onFailure },
    async () => {
      const bytesPerSecond = meter.bytesPerSecond()
      await metadata.reportProcess({
        name: holder,
        stages: [...stages],
        version,
        conversions: stages.has('convert') ? workers : 0,
        utilisation: meter.utilisation(),
        ...(bytesPerSecond !== undefined && { bytesPerSecond }),
      })
      return { again: false }
    },
  ).catch(onFailure)
  try {
    return await body()
  } finally {
    over.abort()
    await beating
    await metadata.endProcess(holder).catch(onFailure)
  }
}
