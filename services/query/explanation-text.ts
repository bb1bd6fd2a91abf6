/** What `--explain` prints: per table what would be read and what was pruned by what, then DuckDB's plan. */
import { formatBytes, totalBytes } from './data-places.ts'
import type { QueryOutcome, TableReading } from './run-statement.ts'

export function explanationText(outcome: QueryOutcome & { readonly kind: 'explained' }): string {
  return [
    ...outcome.readings.map(reading => readingText(reading, outcome.fetches)),
    outcome.plan.trimEnd(),
  ].join('\n')
}

function readingText(
  { state, files, prunedByPartition, prunedByBounds }: TableReading,
  fetches: boolean,
): string {
  const { table, snapshot } = state
  const seen =
    snapshot === undefined
      ? 'nothing published yet'
      : `snapshot ${snapshot.snapshotId} of ${new Date(snapshot.timestampMs).toISOString()}`
  const rows = files.reduce((sum, file) => sum + file.recordCount, 0n)
  return [
    `${table.name} at ${seen}`,
    `  ${fetches ? 'fetch' : 'read'} ${files.length} of ${state.files.length} files, ${formatBytes(totalBytes(files))} of ${formatBytes(totalBytes(state.files))}, ${rows} rows`,
    `  pruned ${prunedByPartition} by partition, ${prunedByBounds} by column bounds`,
  ].join('\n')
}
