/** The log of `tidewater run`: what it reports, as lines, with repetitions held back. */
import type { Config } from '../../shared/config/config.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import type { Report } from '../progress.ts'
import { entryOf, repeatedEntry } from './log-entry.ts'
import { entry, type LogEntry, type LogEvent, type LogFields } from './log-events.ts'
import { jsonSink, type LogSink, textSink } from './log-sinks.ts'
import { createRepeatedProblems } from './repeated-problems.ts'

export interface Log {
  readonly report: Report
  /** A line that is no report of the pipeline. */
  say<E extends LogEvent>(event: E, message: string, fields?: LogFields<E>): void
  /** Tells what was held back; resolves once everything is written. */
  close(): Promise<void>
}

export interface LogOptions {
  readonly runtime: Runtime
  /** Names this process. */
  readonly process: string
  /** Writes a line of text. */
  readonly writeLine: (line: string) => void
}

export function openLog({ format, level }: Config['log'], { writeLine, ...options }: LogOptions): Log {
  const sink = format === 'text' ? textSink(level, writeLine) : jsonSink({ level, ...options })
  return createLog(sink, options.runtime)
}

export function createLog(sink: LogSink, runtime: Pick<Runtime, 'sleep' | 'monotonicMs'>): Log {
  const problems = createRepeatedProblems(runtime, repeated => sink.write(repeatedEntry(repeated)))
  const write = (line: LogEntry | undefined) => {
    if (line !== undefined) sink.write(line)
  }
  return {
    report(progress) {
      if (progress.kind !== 'problem' || problems.take(progress)) write(entryOf(progress))
    },
    say: (event, message, fields = {}) => sink.write(entry(event, message, fields)),
    async close() {
      problems.close()
      await sink.close()
    },
  }
}
