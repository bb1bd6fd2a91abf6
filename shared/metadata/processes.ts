/** What processes say of themselves, and what waits for them: behind `status`, metrics and the signals for scaling. */

/** A process says that it lives this often, and is taken for gone after this long. */
export const HEARTBEAT_INTERVAL_MS = 10_000
export const HEARTBEAT_TTL_MS = 45_000
/** Rows of processes that have ended are kept this long: what they converted in a second is the best guess for the next ones. */
export const PROCESS_KEPT_MS = 24 * 3_600_000
/** Processes that are read at once, the newest. */
export const MAX_PROCESSES = 1000

export interface ProcessReport {
  readonly name: string
  readonly stages: readonly string[]
  readonly version: string
  /** Tasks converted at once. */
  readonly conversions: number
  /** Share of the last minute that conversions were busy, 0 to 1. */
  readonly utilisation: number
  /** What it converts when all its conversions are busy; absent while it has converted nothing. */
  readonly bytesPerSecond?: number
}

export interface ProcessRecord extends ProcessReport {
  readonly startedAtMs: number
  readonly seenAtMs: number
  /** Neither ended nor silent for too long, by the database's clock. */
  readonly isLive: boolean
}

/** Convert tasks that are queued or run, of tables and partitions that are active. */
export interface Backlog {
  readonly waitingTasks: number
  /** Of their segments. */
  readonly waitingBytes: number
  /** When the oldest of them was planned, Unix ms; absent when none waits. */
  readonly waitingSinceMs?: number
  readonly runningTasks: number
  readonly runningBytes: number
}

export interface ScalingFigures {
  /** The database's clock, Unix ms. */
  readonly atMs: number
  readonly backlog: Backlog
  /** Live ones, and those that ended not long ago; newest first. */
  readonly processes: readonly ProcessRecord[]
}
