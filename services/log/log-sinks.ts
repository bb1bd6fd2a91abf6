/**
 * Where lines of the log go: standard error, as text or as JSON. Writing JSON never waits for who reads it: lines are kept up to a limit and
 * written behind; what does not fit is thrown away and counted. At the end of the process, also by an exception, what is kept is written.
 */
import { hostname } from 'node:os'
import { type DestinationStream, pino } from 'pino'
import type { Config } from '../../shared/config/config.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { entry, type LogEntry } from './log-events.ts'

/** Of lines that are not written yet. */
const MAX_KEPT_BYTES = 16 * 2 ** 20
const STANDARD_ERROR = 2

export interface LogSink {
  write(entry: LogEntry): void
  /** Resolves once everything is written. */
  close(): Promise<void>
}

/** Which lines are written: level names are pino's own. */
const IMPORTANCE = { error: 50, warn: 40, info: 30, debug: 20 } as const

export function textSink(level: Config['log']['level'], writeLine: (line: string) => void): LogSink {
  return {
    write(line) {
      if (IMPORTANCE[line.level] >= IMPORTANCE[level]) writeLine(line.message)
    },
    async close() {},
  }
}

export interface JsonSinkOptions {
  readonly level: Config['log']['level']
  readonly runtime: Pick<Runtime, 'nowMs'>
  /** Names this process, as in claims, leases and `tidewater status`. */
  readonly process: string
}

export function jsonSink(options: JsonSinkOptions): LogSink {
  const destination = pino.destination({ fd: STANDARD_ERROR, sync: false, maxLength: MAX_KEPT_BYTES })
  let droppedBytes = 0
  destination.on('drop', (line: string) => {
    droppedBytes += Buffer.byteLength(line)
  })
  // Nobody reads any more: the log is no reason to end.
  destination.on('error', () => undefined)
  const write = jsonWriter(options, destination)
  let isClosed = false
  return {
    write(line) {
      if (isClosed) return
      if (droppedBytes > 0) {
        const bytes = droppedBytes
        droppedBytes = 0
        write(
          entry('log.dropped', `${bytes} bytes of the log were thrown away: its reader is too slow.`, {
            bytes,
          }),
        )
      }
      write(line)
    },
    close: () =>
      new Promise(resolve => {
        isClosed = true
        destination.once('close', resolve).once('error', () => resolve())
        destination.end()
      }),
  }
}

/** One JSON object a line, in one order of fields. */
export function jsonWriter(
  { level, runtime, process: name }: JsonSinkOptions,
  destination: DestinationStream,
): (line: LogEntry) => void {
  const logger = pino(
    {
      level,
      base: { host: hostname(), process: name },
      timestamp: () => `,"time":"${new Date(runtime.nowMs()).toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
    },
    destination,
  )
  return line => logger[line.level]({ event: line.event, ...line.fields }, line.message)
}
