/**
 * Watches the metadata database below all faults: each task commits once, by the claim that holds it then (DESIGN invariant 2), what it
 * accounts for is what the brokers landed, and after every transaction the ledger is whole.
 */
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import type { SimulatedDatabase } from './database.ts'
import { createLedgerInvariants } from './ledger-invariants.ts'
import type { IncarnationId, Model, ModelTable } from './model.ts'

export interface LedgerWatch {
  /** The store that is watched, as processes get it. */
  readonly store: MetadataStore
  /** Paths of committed files. */
  readonly files: ReadonlySet<string>
  /** What was wrong, in words. */
  readonly breaches: readonly string[]
  /** When the watermark went over an offset, by the database's clock. */
  visibleSinceMs(id: IncarnationId, offset: bigint): number | undefined
}

export interface LedgerToWatch {
  readonly database: SimulatedDatabase
  readonly model: Model
  readonly tableNamed: (name: string) => ModelTable | undefined
}

export function watchLedger({ database, model, tableNamed }: LedgerToWatch): LedgerWatch {
  const { store, nowMs } = database
  const claims = new Map<string, { readonly token: string; readonly leaseUntilMs: number }>()
  const tableOfTask = new Map<string, string>()
  const names = new Map<string, ModelTable>()
  const committed = new Set<string>()
  const files = new Set<string>()
  const breaches: string[] = []
  const passed = new Map<string, { upTo: bigint; atMs: number }[]>()
  const invariants = createLedgerInvariants(database.db)

  database.afterEachChange(() => {
    breaches.push(...invariants.breaches())
    for (const { key, committedOffset } of database.watermarks()) {
      const steps = passed.get(key) ?? []
      if (steps.at(-1)?.upTo !== committedOffset) steps.push({ upTo: committedOffset, atMs: nowMs() })
      passed.set(key, steps)
    }
  })

  async function tableOf(tableId: string): Promise<ModelTable> {
    const known = names.get(tableId)
    if (known !== undefined) return known
    const row = (await store.listTables()).find(table => table.tableId === tableId)
    const table = row && tableNamed(row.name)
    if (table === undefined) throw new Error(`table ${tableId} is not of this world`)
    names.set(tableId, table)
    return table
  }

  return {
    files,
    breaches,
    visibleSinceMs: (id, offset) =>
      passed
        .get(`${id.tableId} ${id.topic}-${id.partition} ${id.incarnation}`)
        ?.find(step => offset < step.upTo)?.atMs,
    store: {
      ...store,
      async registerPartition(input) {
        const source = await store.registerPartition(input)
        breaches.push(...model.registered(await tableOf(input.tableId), source))
        return source
      },
      async claimTask(taskId, wanted) {
        const outcome = await store.claimTask(taskId, wanted)
        if (outcome.kind !== 'claimed') return outcome
        claims.set(taskId, outcome.claim)
        tableOfTask.set(taskId, outcome.task.tableId)
        return outcome
      },
      async extendClaim(claim, leaseMs) {
        const isHeld = await store.extendClaim(claim, leaseMs)
        if (isHeld) claims.set(claim.taskId, { token: claim.token, leaseUntilMs: nowMs() + leaseMs })
        return isHeld
      },
      async commitTask(commit) {
        const outcome = await store.commitTask(commit)
        if (outcome.kind !== 'committed') return outcome
        const { taskId, token } = commit.claim
        const claim = claims.get(taskId)
        if (claim?.token !== token)
          breaches.push(`task ${taskId} was committed by ${token}, and ${claim?.token} holds it`)
        else if (claim.leaseUntilMs <= nowMs())
          breaches.push(`task ${taskId} was committed after its lease was over`)
        if (committed.has(taskId)) breaches.push(`task ${taskId} was committed twice`)
        committed.add(taskId)
        for (const { path } of commit.files) {
          if (!path.includes(token)) breaches.push(`${path} does not carry the claim token ${token}`)
          if (files.has(path)) breaches.push(`${path} was committed twice`)
          files.add(path)
        }
        const tableId = tableOfTask.get(taskId) ?? ''
        const table = await tableOf(tableId)
        for (const account of commit.accounts) breaches.push(...model.accounted(table, tableId, account))
        return outcome
      },
    },
  }
}
