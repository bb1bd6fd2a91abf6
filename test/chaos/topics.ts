/** What is landed: topics, their tables, and records whose values follow from their ids, so that every row read back can be judged. */

export interface Topic {
  readonly name: string
  readonly partitions: number
  /** Each second, this share of the partitions gets a segment of so many records. */
  readonly share: number
  readonly recordsPerSegment: number
  /** One record in so many does not fit its table. */
  readonly brokenEvery: number
  readonly dlqMode: 'dlq' | 'skip'
  readonly partitionBy: readonly string[]
}

/** Busy and quiet, wide and narrow, with dead letters and with skips: each takes other ways through planning and publishing. */
export const TOPICS: readonly Topic[] = [
  {
    name: 'orders',
    partitions: 4,
    share: 1,
    recordsPerSegment: 40,
    brokenEvery: 37,
    dlqMode: 'dlq',
    partitionBy: ['kind'],
  },
  {
    name: 'clicks',
    partitions: 6,
    share: 0.8,
    recordsPerSegment: 30,
    brokenEvery: 500,
    dlqMode: 'dlq',
    partitionBy: [],
  },
  {
    name: 'quiet',
    partitions: 16,
    share: 0.1,
    recordsPerSegment: 4,
    brokenEvery: 11,
    dlqMode: 'dlq',
    partitionBy: ['day(at)'],
  },
  {
    name: 'skipped',
    partitions: 2,
    share: 1,
    recordsPerSegment: 20,
    brokenEvery: 13,
    dlqMode: 'skip',
    partitionBy: ['bucket(4, id)'],
  },
]

export const tableOf = (topic: Topic): string => `chaos.${topic.name}`

const DAY_MS = 86_400_000
const FIRST_DAY_MS = Date.UTC(2026, 0, 1)
const DAYS = 3

const timeOf = (id: number) => new Date(FIRST_DAY_MS + (id % DAYS) * DAY_MS + (id % DAY_MS))
const quartersOf = (id: number) => id % 100_000

/** The record's value as it is produced. */
export function recordOf(id: number): string {
  return JSON.stringify({
    id,
    kind: `kind-${id % 5}`,
    amount: quartersOf(id) / 4,
    at: timeOf(id).toISOString(),
    note: noteOf(id),
  })
}

/** What no table of these takes. */
export const brokenRecordOf = (id: number): string => JSON.stringify({ id: `not a number: ${id}` })

/** The record's row as outside readers tell it. */
export function rowOf(id: number): Readonly<Record<string, string>> {
  return {
    id: String(id),
    kind: `kind-${id % 5}`,
    amount: (quartersOf(id) / 4).toFixed(2),
    at: timeOf(id).toISOString().replace('Z', '000+00:00'),
    note: noteOf(id),
  }
}

const noteOf = (id: number) => `${id * 7} ${'ab'.repeat(id % 23)}`

export const tableYaml = (topic: Topic): string => `
  - name: ${tableOf(topic)}
    source: landed
    source_topic: ${topic.name}
    schema:
      fields:
        - { name: id, type: long, required: true }
        - { name: kind, type: string }
        - { name: amount, type: "decimal(12,2)" }
        - { name: at, type: timestamptz }
        - { name: note, type: string }
    partition_by: [${topic.partitionBy.map(term => `"${term}"`).join(', ')}]
    commit_interval: 5s
    task_target_bytes: 64KiB
    dlq_mode: ${topic.dlqMode}
    dlq_max_ratio: 1`
