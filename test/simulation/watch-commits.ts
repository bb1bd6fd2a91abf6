/** Watches claims and commits in the database: each task commits once, by the claim that holds it then (DESIGN invariant 2). */
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'

export interface CommitWatch {
  /** The store that is watched, as processes get it. */
  readonly store: MetadataStore
  /** Paths of committed files. */
  readonly files: ReadonlySet<string>
  /** What was wrong, in words. */
  readonly breaches: readonly string[]
}

export function watchCommits(store: MetadataStore, nowMs: () => number): CommitWatch {
  const claims = new Map<string, { readonly token: string; readonly leaseUntilMs: number }>()
  const committed = new Set<string>()
  const files = new Set<string>()
  const breaches: string[] = []

  return {
    files,
    breaches,
    store: {
      ...store,
      async claimTask(taskId, wanted) {
        const outcome = await store.claimTask(taskId, wanted)
        if (outcome.kind === 'claimed') claims.set(taskId, outcome.claim)
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
          files.add(path)
        }
        return outcome
      },
    },
  }
}
