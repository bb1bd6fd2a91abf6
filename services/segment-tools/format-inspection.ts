/** A segment's inspection as lines of text for a person. */
import type { BatchSummary, SegmentInspection } from './inspect-segment.ts'

export function formatInspection(inspection: SegmentInspection): string[] {
  const { key, sizeBytes, segment, bodyCrc, batchCount, recordCount, batches, index, problems } = inspection
  const lines = [key, `  size          ${sizeBytes} bytes`]
  if (segment !== undefined) {
    lines.push(
      `  offsets       ${segment.baseOffset} to ${segment.lastOffset}`,
      `  messages      ${segment.messageCount}`,
      `  created       ${timeText(segment.createdAtMs)}`,
      `  flags         ${segment.flags}`,
      `  body CRC-32C  ${bodyCrc}`,
    )
  }
  if (index !== undefined)
    lines.push(`  index         ${index.entries.length} entries, every ${index.intervalMessages} messages`)
  lines.push(`  batches       ${batchCount} with ${recordCount} records`)
  lines.push(...batches.map(batchLine))
  if (batches.length < batchCount) lines.push(`    … and ${batchCount - batches.length} more`)
  lines.push(problems.length === 0 ? '  no problems' : `  ${problems.length} problems:`)
  lines.push(...problems.map(({ code, message }) => `    ${code}: ${message}`))
  return lines
}

function batchLine(batch: BatchSummary): string {
  const inflated = batch.recordsBytes === undefined ? '' : `, records ${batch.recordsBytes} bytes`
  const flags = [
    batch.timestampType === 'log-append' ? 'log-append time' : '',
    batch.isControl ? 'control' : '',
    batch.isTransactional ? 'transactional' : '',
  ].filter(text => text !== '')
  const offsets = `${batch.baseOffset}-${batch.lastOffset}`
  return (
    `    @${batch.position} offsets ${offsets}, ${batch.recordCount} records, ${batch.codec}, ${batch.sizeBytes} bytes${inflated}, ` +
    `until ${timeText(batch.maxTimestampMs)}, CRC ${batch.crc}${flags.map(flag => `, ${flag}`).join('')}`
  )
}

/** Timestamps come from producers, so any number may stand there; dates end at 8.64e15 ms. */
function timeText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`
}
