/** Several stores on one database, as several processes open them: who is first wins, and nobody sees half of anything. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import {
  claimed,
  commitOf,
  converted,
  followTopic,
  livePaths,
  type OpenSharedMetadata,
  partitionAt,
  planned,
  sliceOf,
} from './metadata-store-fixture.ts'

export function describeSharing(open: OpenSharedMetadata): void {
  let opened: Awaited<ReturnType<OpenSharedMetadata>>
  let left: MetadataStore
  let right: MetadataStore
  const clock = () => 1_700_000_000_000
  beforeEach(async () => {
    opened = await open()
    left = opened.another(clock)
    right = opened.another(clock)
    await Promise.all([left.migrate(), right.migrate(), opened.another(clock).migrate()])
    await followTopic(left)
  })
  afterEach(() => opened.remove())

  it('gives each task to exactly one of two that ask at once', async () => {
    for (let i = 0; i < 5; i++) await planned(left, `t${i}`, sliceOf(0, i * 10, i * 10 + 10))
    const pairs = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        Promise.all([claimed(left, `t${i}`, 'left'), claimed(right, `t${i}`, 'right')]),
      ),
    )
    for (const pair of pairs) expect(pair.map(({ kind }) => kind).sort()).toEqual(['claimed', 'held'])
  })

  it('plans a range once when two plan it at once, and registers a partition once', async () => {
    const plans = await Promise.all([
      planned(left, 'a', sliceOf(0, 0, 10)),
      planned(right, 'b', sliceOf(0, 0, 10)),
    ])
    expect(plans.map(({ kind }) => kind).sort()).toEqual(['planned', 'stale'])
    const leases = await Promise.all([
      left.acquireLease('plan', 'l', 100),
      right.acquireLease('plan', 'r', 100),
    ])
    expect(leases.filter(lease => lease !== undefined)).toEqual([{ fencingToken: 1n }])
  })

  it('shows at once what the other has committed, and keeps it for who opens the database later', async () => {
    await converted(left, 'a', sliceOf(0, 0, 10))
    await planned(right, 'b', sliceOf(0, 10, 20))
    await claimed(left, 'b')
    await right.commitTask(commitOf('b', [sliceOf(0, 10, 20)]))
    expect(await partitionAt(left, 0)).toMatchObject({ committedOffset: 20n })
    await left.close()
    await right.close()
    const later = opened.another(clock)
    await later.migrate()
    expect(await livePaths(later, 2n)).toEqual(['a', 'b'])
  })
}
