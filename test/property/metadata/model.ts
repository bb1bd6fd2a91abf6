/**
 * The metadata store's rules in memory, in the simplest words: what planning, claiming, committing and giving up do to offsets.
 * It answers what the store must answer, and knows which tasks are live in which order.
 */

export const LEASE_MS = 1000

export interface ModelSlice {
  readonly partition: number
  readonly start: number
  readonly end: number
  /** Its place in the task that it was planned in. */
  readonly position: number
}

export interface ModelTask {
  readonly id: string
  /** Those that count: slices that were given up or moved elsewhere are gone. */
  slices: readonly ModelSlice[]
  state: 'queued' | 'claimed' | 'staged' | 'committed' | 'parked' | 'cancelled'
  token: string | undefined
  leaseUntil: number
  notBefore: number
}

export interface ModelPartition {
  planned: number
  committed: number
  isActive: boolean
  /** How far the source goes. */
  end: number
  /** Since when the source has held more than the watermark without the watermark moving. */
  behindSince: number | undefined
}

export class Model {
  readonly partitions: readonly ModelPartition[]
  /** In the order in which they came to be. */
  readonly tasks = new Map<string, ModelTask>()
  /** Ids of committed tasks in the order in which they became live. */
  readonly live: string[] = []
  readonly skips: { readonly partition: number; readonly start: number; readonly end: number }[] = []
  readonly clock: { nowMs: number }

  constructor(partitions: number, clock: { nowMs: number }) {
    this.clock = clock
    this.partitions = Array.from({ length: partitions }, () => ({
      planned: 0,
      committed: 0,
      isActive: true,
      end: 0,
      behindSince: undefined,
    }))
  }

  partition(number: number): ModelPartition {
    const found = this.partitions[number]
    if (found === undefined) throw new Error(`no partition ${number}`)
    return found
  }

  isActive = (slice: ModelSlice) => this.partition(slice.partition).isActive

  plan(id: string, slices: readonly ModelSlice[]): 'planned' | 'stale' {
    const fits = slices.every(slice => {
      const { planned, committed, isActive } = this.partition(slice.partition)
      return isActive && planned === slice.start && (slices.length === 1 || committed === planned)
    })
    if (!fits) return 'stale'
    this.add(id, slices)
    for (const slice of slices) this.partition(slice.partition).planned = slice.end
    return 'planned'
  }

  private add(id: string, slices: readonly ModelSlice[]): void {
    this.tasks.set(id, { id, slices, state: 'queued', token: undefined, leaseUntil: 0, notBefore: 0 })
  }

  runnable(): readonly string[] {
    return [...this.tasks.values()]
      .filter(task => this.isDue(task) && task.slices.some(this.isActive))
      .map(task => task.id)
  }

  private isDue(task: ModelTask): boolean {
    return task.state === 'queued'
      ? task.notBefore <= this.clock.nowMs
      : task.state === 'claimed' && task.leaseUntil <= this.clock.nowMs
  }

  claim(id: string, token: string): 'claimed' | 'missing' | 'held' | 'stopped' | 'not_yet' {
    const task = this.tasks.get(id)
    if (task?.state === 'parked') return 'stopped'
    if (task?.state !== 'queued' && task?.state !== 'claimed') return 'missing'
    if (task.state === 'claimed' && task.leaseUntil > this.clock.nowMs) return 'held'
    const going = task.slices.filter(this.isActive)
    if (going.length === 0) return 'stopped'
    if (!this.isDue(task)) return 'not_yet'
    for (const slice of task.slices) {
      if (!this.isActive(slice)) this.add(`${id}.${slice.position}`, [{ ...slice, position: 0 }])
    }
    Object.assign(task, { slices: going, state: 'claimed', token, leaseUntil: this.clock.nowMs + LEASE_MS })
    return 'claimed'
  }

  /** The task, when the claim counts. */
  held(id: string, token: string): ModelTask | undefined {
    const task = this.tasks.get(id)
    return task?.state === 'claimed' && task.token === token && task.leaseUntil > this.clock.nowMs
      ? task
      : undefined
  }

  commit(task: ModelTask): 'staged' | 'committed' {
    task.state = 'staged'
    for (const { partition } of task.slices) this.follow(partition)
    return this.tasks.get(task.id)?.state === 'committed' ? 'committed' : 'staged'
  }

  /** Whatever is done and begins at the watermark becomes live, one task after the other. */
  private follow(number: number): void {
    for (;;) {
      const next = [...this.tasks.values()].find(
        task =>
          task.state === 'staged' &&
          task.slices.some(slice => slice.partition === number) &&
          task.slices.every(slice => this.partition(slice.partition).committed === slice.start),
      )
      if (next === undefined) return
      next.state = 'committed'
      for (const slice of next.slices) this.partition(slice.partition).committed = slice.end
      this.live.push(next.id)
    }
  }

  /** After a step that found the watermarks at `before`, and let partition `restarted` begin anew. */
  keepTime(before: readonly number[], restarted: number | undefined): void {
    for (const [number, partition] of this.partitions.entries()) {
      partition.end = Math.max(partition.end, partition.planned)
      const begins = partition.committed !== before[number] || number === restarted
      if (partition.committed >= partition.end) partition.behindSince = undefined
      else if (begins) partition.behindSince = this.clock.nowMs
      else partition.behindSince ??= this.clock.nowMs
    }
  }

  retry(task: ModelTask, delayMs: number): void {
    Object.assign(task, { state: 'queued', token: undefined, notBefore: this.clock.nowMs + delayMs })
  }

  release(task: ModelTask): void {
    Object.assign(task, { state: 'queued', token: undefined, notBefore: 0 })
  }

  park(task: ModelTask): void {
    task.state = 'parked'
    for (const { partition } of task.slices) this.partition(partition).isActive = false
  }

  split(task: ModelTask, ids: readonly string[]): void {
    task.state = 'cancelled'
    for (const [index, slice] of task.slices.entries())
      this.add(ids[index] ?? '', [{ ...slice, position: 0 }])
  }

  resume(number: number): void {
    this.partition(number).isActive = true
    for (const task of this.tasks.values()) {
      if (task.state === 'parked' && task.slices.some(slice => slice.partition === number)) {
        Object.assign(task, { state: 'queued', token: undefined, notBefore: 0 })
      }
    }
  }

  skipTo(number: number, offset: number): 'skipped' | 'refused' {
    const partition = this.partition(number)
    if (offset <= partition.committed) return 'refused'
    this.giveUp(number)
    this.skips.push({ partition: number, start: partition.committed, end: offset })
    Object.assign(partition, { planned: offset, committed: offset, isActive: true })
    return 'skipped'
  }

  replan(number: number): 'replanned' | 'nothing' {
    const partition = this.partition(number)
    if (partition.planned === partition.committed) return 'nothing'
    this.giveUp(number)
    partition.planned = partition.committed
    return 'replanned'
  }

  private giveUp(number: number): void {
    for (const task of this.tasks.values()) {
      if (task.state === 'committed' || task.state === 'cancelled') continue
      const rest = task.slices.filter(slice => slice.partition !== number)
      if (rest.length === task.slices.length) continue
      task.slices = rest
      if (rest.length === 0) task.state = 'cancelled'
      else if (task.state === 'claimed') Object.assign(task, { state: 'queued', token: undefined })
    }
  }
}
