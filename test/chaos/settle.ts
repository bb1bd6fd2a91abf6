/** Waits until nothing is left to do: all that landed is committed, all that is committed is published, and its dead letters rendered. */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Workspace } from '../e2e/tidewater-cli.ts'
import type { PostgresServer } from '../servers/postgres.ts'
import type { LandedTopic } from './landing.ts'
import { tableOf } from './topics.ts'

const POLL_MS = 2_000
/** On a machine with much else to do a backlog takes its time; beyond this it will not end. */
const MAX_SETTLE_MS = 45 * 60_000

const publication = z.looseObject({
  state: z.string(),
  current: z.boolean(),
  metadata_location: z.string().nullable(),
  error_message: z.string().nullable(),
})
const offset = z.coerce.bigint()
const statusSchema = z.object({
  tables: z.array(
    z.looseObject({
      name: z.string(),
      state: z.string(),
      state_reason: z.string().nullable(),
      rows: z.coerce.number(),
      tasks: z.record(z.string(), z.number()),
      parked_tasks: z.array(z.looseObject({ task_id: z.string(), message: z.string().nullable() })),
      partitions: z.array(
        z.looseObject({
          partition: z.number(),
          committed_offset: offset,
          state: z.string(),
          state_reason: z.string().nullable(),
        }),
      ),
      publications: z.array(publication),
      dead_letter_publications: z.array(publication),
      dead_letter_topic: z
        .looseObject({ end_offset: offset, rendered_offset: offset, error_message: z.string().nullable() })
        .nullable(),
    }),
  ),
})

export type Status = z.infer<typeof statusSchema>
export type TableStatus = Status['tables'][number]

export async function statusOf(workspace: Workspace): Promise<Status> {
  const { stdout, stderr } = await workspace.tidewater(['status', '--json'])
  // The first process to run makes the database.
  if (stderr.includes('there is no metadata database')) return { tables: [] }
  if (stdout === '') throw new Error(`tidewater status answered nothing:\n${stderr}`)
  return statusSchema.parse(JSON.parse(stdout))
}

/** Waits until every table has rows: a storm over processes that have only begun to start would show little. */
export async function untilAllFlow(
  workspace: Workspace,
  landed: readonly LandedTopic[],
  patienceMs: number,
): Promise<void> {
  const until = performance.now() + patienceMs
  for (;;) {
    const { tables } = await statusOf(workspace)
    if (landed.every(({ topic }) => tables.some(({ name, rows }) => name === tableOf(topic) && rows > 0)))
      return
    if (performance.now() > until)
      throw new Error(`after ${patienceMs / 1000} s of good weather not every table has rows`)
    await sleep(POLL_MS)
  }
}

/** Answers with what was still to be done when nothing had moved for `patienceMs`, in words: nothing, in a good run. */
export async function settle(
  { workspace, postgres }: { readonly workspace: Workspace; readonly postgres: PostgresServer },
  landed: readonly LandedTopic[],
  patienceMs: number,
): Promise<readonly string[]> {
  const startedMs = performance.now()
  let movedMs = startedMs
  let before = ''
  for (;;) {
    const undone = [...undoneOf(await statusOf(workspace), landed), ...(await notCut(postgres))]
    const nowMs = performance.now()
    const isStuck = nowMs - movedMs > patienceMs || nowMs - startedMs > MAX_SETTLE_MS
    if (undone.length === 0 || isStuck) return undone
    const after = undone.join('\n')
    if (after !== before) movedMs = nowMs
    before = after
    await sleep(POLL_MS)
  }
}

/** Files that are committed and in no snapshot yet, and snapshots and publications that are under way. */
async function notCut(postgres: PostgresServer): Promise<readonly string[]> {
  const [found = {}] = await postgres.query(`
    select (select count(*) from data_file where added_version is not null and snapshot_id is null) as files_in_no_snapshot,
      (select count(*) from snapshot where state = 'intent') as snapshots_not_cut,
      (select count(*) from publication where intent_metadata_location is not null) as publications_under_way`)
  return Object.entries(found).flatMap(([what, count]) => (Number(count) === 0 ? [] : [`${what}: ${count}`]))
}

function undoneOf({ tables }: Status, landed: readonly LandedTopic[]): readonly string[] {
  return landed.flatMap(({ topic, endOffsets }) => {
    const table = tables.find(({ name }) => name === tableOf(topic))
    if (table === undefined) return [`${tableOf(topic)}: there is no such table`]
    const behind = endOffsets.flatMap((end, partition) => {
      const found = table.partitions.find(one => one.partition === partition)
      const committed = found?.committed_offset ?? 0n
      const state =
        found === undefined || found.state === 'active' ? '' : ` (${found.state}: ${found.state_reason})`
      return committed === end
        ? []
        : [`partition ${partition} is committed to ${committed} of ${end}${state}`]
    })
    const parked = table.parked_tasks.map(task => `task ${task.task_id} is parked: ${task.message}`)
    const publications = [...table.publications, ...table.dead_letter_publications]
    const unpublished = publications.filter(one => !one.current || one.state !== 'published')
    const { end_offset: end = 0n, rendered_offset: rendered = 0n } = table.dead_letter_topic ?? {}
    return [
      ...behind,
      ...parked,
      ...unpublished.map(
        one => `a publication is ${one.state}: ${one.error_message ?? 'not the newest snapshot'}`,
      ),
      ...(rendered === end ? [] : [`dead letters are rendered to ${rendered} of ${end}`]),
    ].map(what => `${table.name}: ${what}`)
  })
}
