/**
 * Every kind of line in the log of `tidewater run`: how important it is, its fields, and what it means. A line carries no field that is
 * not named here, and docs/logs.md lists the same. Names are stable: new events and fields may appear, none changes its meaning.
 *
 * Units stand last in a field's name. Ids are text, also those that are numbers elsewhere: collectors of logs read numbers as doubles.
 */
import type { LOG_LEVELS } from '../../shared/config/log-schema.ts'

export type LogLevel = (typeof LOG_LEVELS)[number]

interface LogEventFacts {
  /** `by next`: warn when it is tried again by itself, else error. */
  readonly level: LogLevel | 'by next'
  readonly fields: readonly string[]
  readonly meaning: string
}

/** Of the one partition that it concerns; of a task that takes from several, `partitions` is their number instead. */
const SOURCE = ['topic', 'partition', 'start_offset', 'end_offset', 'partitions'] as const

export const LOG_EVENTS = {
  'process.started': {
    level: 'info',
    fields: ['version', 'node', 'tables', 'patterns', 'stages'],
    meaning: 'the configuration is read, and the process begins; not with `--once`',
  },
  'server.listening': {
    level: 'info',
    fields: ['url'],
    meaning: 'the HTTP server answers',
  },
  'server.certificate_renewed': {
    level: 'info',
    fields: ['cert_file'],
    meaning:
      'the files of `server.tls` have changed, and new connections get the certificate that they hold now',
  },
  'process.stopping': {
    level: 'info',
    fields: [],
    meaning: 'a signal asked the process to stop; told again when it has to leave in the middle of something',
  },
  'process.stopped': {
    level: 'info',
    fields: ['duration_ms'],
    meaning: 'everything has ended in order; `duration_ms` since the start; not with `--once`',
  },
  'process.failed': {
    level: 'error',
    fields: ['code', 'next', 'details', 'stack'],
    meaning: 'the process ends because of this error. `stack` only where the error has no code of its own',
  },
  'batch.not_done': {
    level: 'error',
    fields: [],
    meaning: '`run --once` ends with 1, and this is a reason',
  },
  'table.created': {
    level: 'info',
    fields: ['table', 'topic'],
    meaning: 'a topic that has appeared matches a pattern, and has a table now',
  },
  'tasks.planned': {
    level: 'info',
    fields: ['table', 'tasks'],
    meaning: 'convert tasks were cut from new segments',
  },
  'task.committed': {
    level: 'info',
    fields: [
      'table',
      'task_id',
      ...SOURCE,
      'rows',
      'dead_letters',
      'bytes_read',
      'bytes_written',
      'duration_ms',
      'commit_ms',
    ],
    meaning:
      'the offsets of a task are accounted for. `duration_ms` from claim to commit, `commit_ms` the transaction in it',
  },
  'task.fenced': {
    level: 'warn',
    fields: ['table', 'task_id', ...SOURCE, 'duration_ms'],
    meaning:
      'this process was silent for too long and lost its claim; another one runs the task, nothing is doubled',
  },
  'task.handed_back': {
    level: 'info',
    fields: ['table', 'task_id', ...SOURCE, 'duration_ms'],
    meaning:
      'the process ends before the task could, and gave its claim back; another worker takes it at once',
  },
  'snapshot.published': {
    level: 'info',
    fields: ['table', 'catalog', 'snapshot_id', 'metadata_location'],
    meaning: 'a catalog shows this snapshot; without `snapshot_id` the empty table',
  },
  'dead_letters.rendered': {
    level: 'info',
    fields: ['table', 'topic', 'start_offset', 'end_offset', 'url'],
    meaning: 'dead letters stand in their topic; the offsets are those of that topic',
  },
  'source.waiting': {
    level: 'info',
    fields: ['table'],
    meaning: 'something lies in the source that does not count yet, or the topic is not there',
  },
  problem: {
    level: 'by next',
    fields: ['doing', 'code', 'next', 'table', 'task_id', ...SOURCE, 'catalog', 'details', 'stack'],
    meaning:
      'something failed. `next` says what follows: `retry`, `replan`, `split` and `cut` go on by themselves (warn); `wait` goes on by itself once a person has mended what the message names, such as a permission, and `park` and `stop_table` stop a partition or table until a person lets it go on (error)',
  },
  'problem.repeated': {
    level: 'by next',
    fields: ['doing', 'code', 'next', 'table', 'task_id', 'catalog', 'count', 'places', 'window_ms'],
    meaning:
      'problems of this code that were not written: `count` of them in `places` tables and steps within `window_ms`. The other fields and the message are of the last one',
  },
  'log.dropped': {
    level: 'error',
    fields: ['bytes'],
    meaning: 'whoever reads the log was too slow: this much of it was thrown away',
  },
  'http.request': {
    level: 'debug',
    fields: ['method', 'route', 'status', 'duration_ms', 'bytes'],
    meaning:
      'the server answered. `route` is the pattern of the path: no parameter, header or token is written. `bytes` of the body, where they are known',
  },
  'step.measured': {
    level: 'debug',
    fields: ['step', 'outcome', 'table', 'catalog', 'duration_ms'],
    meaning: 'how long a step took: `listing`, `cut`, `publish`',
  },
} as const satisfies Readonly<Record<string, LogEventFacts>>

export type LogEvent = keyof typeof LOG_EVENTS
export type LogFields<E extends LogEvent> = {
  readonly [F in (typeof LOG_EVENTS)[E]['fields'][number]]?: LogValue | undefined
}
/** Big integers are written as they are. */
export type LogValue =
  | string
  | number
  | bigint
  | boolean
  | Readonly<Record<string, string | number | bigint | boolean>>

/** One line, before it is given a time and a format. */
export interface LogEntry {
  readonly event: LogEvent
  readonly level: LogLevel
  /** A plain sentence, the whole line in text. */
  readonly message: string
  readonly fields: Readonly<Record<string, LogValue | undefined>>
}

/** Of a problem, each `next` that nobody has to do anything for. */
const GOES_ON = new Set(['retry', 'replan', 'split', 'cut'])

export function entry<E extends LogEvent>(event: E, message: string, fields: LogFields<E>): LogEntry {
  const facts: LogEventFacts = LOG_EVENTS[event]
  const { next } = fields as { readonly next?: LogValue }
  const byNext = typeof next === 'string' && GOES_ON.has(next) ? 'warn' : 'error'
  return { event, level: facts.level === 'by next' ? byNext : facts.level, message, fields }
}
