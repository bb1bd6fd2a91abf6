import { beforeEach, describe, expect, it } from 'vitest'
import { createLog, type Log } from '../../../services/log/log.ts'
import { LOG_EVENTS, type LogEntry, type LogLevel } from '../../../services/log/log-events.ts'
import { jsonWriter, textSink } from '../../../services/log/log-sinks.ts'
import { MAX_PLACES_SHOWN, PROBLEM_WINDOW_MS } from '../../../services/log/repeated-problems.ts'
import { factsOf } from '../../../services/parts.ts'
import type { Problem, Progress } from '../../../services/progress.ts'
import { Secret } from '../../../shared/config/secret.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { createSteppedRuntime, type SteppedRuntime } from '../../fakes/stepped-runtime.ts'

const NEWEST = 9_007_199_254_740_993n

let runtime: SteppedRuntime
let written: LogEntry[]
let log: Log
beforeEach(() => {
  runtime = createSteppedRuntime(1)
  written = []
  log = createLog({ write: line => written.push(line), close: async () => undefined }, runtime)
})

const slices = [{ topic: 'orders', partition: 3, startOffset: 10n, endOffset: NEWEST }]
const problem = (change: Partial<Problem> = {}): Problem => ({
  kind: 'problem',
  where: 'converting',
  table: 'shop.orders',
  code: 'store-unreachable',
  message: 'the store does not answer',
  next: 'retry',
  ...change,
})
/** One of each kind that there is. */
const EVERYTHING: readonly Progress[] = [
  { kind: 'planned', table: 'shop.orders', tasks: 2 },
  {
    kind: 'committed',
    table: 'shop.orders',
    taskId: 'task-1',
    slices,
    rowCount: NEWEST,
    deadLetterCount: 1n,
    bytesRead: 5n,
    bytesWritten: 6n,
    durationMs: 12.3456,
    commitMs: 1,
  },
  { kind: 'fenced', table: 'shop.orders', taskId: 'task-1', slices: [...slices, ...slices], durationMs: 1 },
  {
    kind: 'published',
    table: 'shop.orders',
    catalog: 'local',
    snapshotId: NEWEST,
    metadataLocation: 'file:///m',
  },
  {
    kind: 'rendered',
    table: 'shop.orders',
    topic: 'shop.orders.dlq',
    baseOffset: 0n,
    endOffset: 4n,
    url: 'file:///t',
  },
  { kind: 'waiting', table: 'shop.orders', what: 'no topic yet' },
  problem({ taskId: 'task-1', slices, details: { key: 'orders/3/a.kfs', offset: NEWEST } }),
  { kind: 'measured', measure: { step: 'listing', durationMs: 2 } },
  { kind: 'measured', measure: { step: 'commit', durationMs: 2 } },
  {
    kind: 'measured',
    measure: {
      step: 'publish',
      table: 'shop.orders',
      tableKind: 'rows',
      catalog: 'local',
      outcome: 'published',
      durationMs: 2,
    },
  },
  { kind: 'requested', method: 'GET', route: '/api/v1/tables/:name', status: 200, durationMs: 3, bytes: 80 },
  { kind: 'created', table: 'shop.orders', topic: 'orders' },
]

describe('a line', () => {
  it('carries what it concerns, and no field that its event does not have', () => {
    for (const progress of EVERYTHING) log.report(progress)
    for (const { event, fields } of written)
      expect(
        Object.keys(fields).filter(field => !([...LOG_EVENTS[event].fields] as string[]).includes(field)),
      ).toEqual([])
    expect(written.map(({ event }) => event)).toEqual([
      'tasks.planned',
      'task.committed',
      'task.fenced',
      'snapshot.published',
      'dead_letters.rendered',
      'source.waiting',
      'problem',
      'step.measured',
      'step.measured',
      'http.request',
      'table.created',
    ])
    expect(written[1]?.fields).toMatchObject({
      table: 'shop.orders',
      task_id: 'task-1',
      topic: 'orders',
      partition: 3,
      start_offset: 10n,
      duration_ms: 12.3,
    })
    expect(written[2]?.fields).toMatchObject({ partitions: 2 })
    expect(written[3]?.fields).toMatchObject({ snapshot_id: String(NEWEST), catalog: 'local' })
    expect(written[6]?.fields).toMatchObject({ code: 'store-unreachable', next: 'retry', task_id: 'task-1' })
  })

  it('is JSON with exact integers, the time of the runtime, and nothing of a secret', () => {
    const lines: string[] = []
    const write = jsonWriter({ level: 'debug', runtime, process: 'p-1' }, { write: line => lines.push(line) })
    for (const progress of EVERYTHING) log.report(progress)
    // What no type lets through, to see what would come of it.
    const fields = { details: { password: new Secret('canary-5f2e') } } as unknown as LogEntry['fields']
    for (const line of [...written, { event: 'problem', level: 'warn', message: 'm', fields } as const])
      write(line)
    expect(lines).toHaveLength(written.length + 1)
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({
        time: new Date(runtime.nowMs()).toISOString(),
        process: 'p-1',
        msg: expect.stringMatching(/./),
      })
    expect(lines[1]).toContain(`"end_offset":${NEWEST}`)
    expect(lines[1]).toContain(`"rows":${NEWEST}`)
    expect(lines[6]).toContain(`"offset":${NEWEST}`)
    expect(lines.join('')).not.toContain('canary-5f2e')
  })

  it.each([
    ['error', []],
    ['warn', ['warn']],
    ['info', ['warn', 'info']],
    ['debug', ['warn', 'info', 'debug']],
  ] as const)('is written at level %s as text and as JSON, or not', (level, expected) => {
    for (const progress of EVERYTHING) log.report(progress)
    const levels = new Map(written.map(line => [line.message, line.level]))
    const text: string[] = []
    const json: string[] = []
    const sink = textSink(level, line => text.push(line))
    const write = jsonWriter({ level, runtime, process: 'p' }, { write: line => json.push(line) })
    for (const line of written) {
      sink.write(line)
      write(line)
    }
    expect(new Set(text.map(line => levels.get(line)))).toEqual(new Set<LogLevel>(expected))
    expect(json.map(line => JSON.parse(line).msg)).toEqual(text)
  })

  it('of a problem is an error where it waits for a person, and else a warning', () => {
    for (const next of ['retry', 'replan', 'split', 'cut', 'park', 'stop_table', 'fatal'])
      log.report(problem({ next }))
    expect(written.map(({ level }) => level)).toEqual([
      'warn',
      'warn',
      'warn',
      'warn',
      'error',
      'error',
      'error',
    ])
  })

  it('of an error with a code has its details, and of one without its stack', () => {
    const details = { key: 'a.kfs', offset: 3n }
    const known = new AppError({ code: 'segment-crc-mismatch', next: 'park', message: 'm', details })
    expect(factsOf(known)).toEqual({ code: 'segment-crc-mismatch', details })
    expect(factsOf(new TypeError('x is undefined'))).toMatchObject({
      code: 'unexpected-failure',
      stack: expect.stringContaining('log.test.ts'),
    })
  })
})

describe('problems that repeat', () => {
  const repeated = () => written.filter(({ event }) => event === 'problem.repeated')
  const pass = async (ms: number) => {
    runtime.advance(ms)
    await new Promise(resolve => setImmediate(resolve))
  }

  it('are written once, and then counted in one line each window', async () => {
    for (let i = 0; i < 100; i++) log.report(problem({ taskId: `task-${i}` }))
    expect(written).toHaveLength(1)
    await pass(PROBLEM_WINDOW_MS)
    expect(repeated()).toHaveLength(1)
    expect(repeated()[0]?.fields).toMatchObject({
      count: 99,
      places: 1,
      task_id: 'task-99',
      window_ms: PROBLEM_WINDOW_MS,
    })
    log.report(problem())
    log.report(problem())
    await pass(PROBLEM_WINDOW_MS)
    expect(written).toHaveLength(3)
    expect(repeated()[1]?.fields).toMatchObject({ count: 2 })
  })

  it('begin afresh after a quiet window', async () => {
    log.report(problem())
    await pass(PROBLEM_WINDOW_MS)
    log.report(problem())
    expect(written.map(({ event }) => event)).toEqual(['problem', 'problem'])
  })

  it('hide no other code, no other end, and the first of no other table until there are many', async () => {
    const tables = Array.from({ length: MAX_PLACES_SHOWN + 5 }, (_, i) => `shop.t${i}`)
    for (const table of [...tables, ...tables]) log.report(problem({ table }))
    expect(written).toHaveLength(MAX_PLACES_SHOWN)
    log.report(problem({ next: 'park' }))
    log.report(problem({ code: 'other' }))
    expect(written).toHaveLength(MAX_PLACES_SHOWN + 2)
    await pass(PROBLEM_WINDOW_MS)
    expect(repeated().map(({ fields }) => [fields.count, fields.places])).toEqual([
      [tables.length + 5, tables.length],
    ])
  })

  it('that are held back are told when the log is closed', async () => {
    log.report(problem())
    log.report(problem({ message: 'still' }))
    await log.close()
    expect(repeated().map(({ message }) => message)).toEqual([expect.stringContaining('still')])
    await pass(PROBLEM_WINDOW_MS)
    expect(written).toHaveLength(2)
  })
})
