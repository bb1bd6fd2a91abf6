/**
 * Which manifests an append writes, and which earlier ones it folds into them, so that reading a table never means opening thousands
 * of tiny manifests. The policy is that of Iceberg's merge-append: manifests of one spec are packed from the oldest on into bins
 * of the target size; the bin with the new files is merged only when it has gathered `minCountToMerge` manifests, any other at once.
 * Unlike there, a manifest near the target size is sealed: merging it again for a few more entries would rewrite megabytes for bytes.
 */
import type { LiveFile, ManifestRecord, RemovedFile } from '../metadata/metadata-store.ts'

export interface MergePolicy {
  readonly minCountToMerge: number
  readonly targetManifestBytes: number
}

export const DEFAULT_MERGE_POLICY: MergePolicy = {
  minCountToMerge: 100,
  targetManifestBytes: 8 * 1024 * 1024,
}

/** A manifest of at least this share of the target is left as it is. */
const SEALED_SHARE = 0.75
/** Bounds what one snapshot rewrites when the policy or the history changes; the rest follows with later snapshots. */
export const MAX_MERGES_PER_SNAPSHOT = 4

/** One manifest to write: new files of one spec, and earlier manifests whose live files move into it. */
export interface ManifestGroup {
  readonly kind: 'write'
  readonly specId: number
  readonly newFiles: readonly LiveFile[]
  readonly merged: readonly ManifestRecord[]
}
export type ListedManifest = ManifestGroup | { readonly kind: 'keep'; readonly manifest: ManifestRecord }

/** The manifests of the snapshot in list order: highest spec first, within a spec the newest first. */
export function planManifests(
  newFiles: readonly LiveFile[],
  manifests: readonly ManifestRecord[],
  policy: MergePolicy,
): readonly ListedManifest[] {
  const live = manifests.filter(hasLiveFiles)
  const specIds = [...new Set([...newFiles, ...live].map(entry => entry.specId))].sort((a, b) => b - a)
  let mergesLeft = MAX_MERGES_PER_SNAPSHOT
  return specIds.flatMap(specId => {
    const isSealed = (manifest: ManifestRecord) =>
      Number(manifest.lengthBytes) >= policy.targetManifestBytes * SEALED_SHARE
    const ofSpec = live.filter(manifest => manifest.specId === specId)
    const candidates: Candidate[] = [
      ...splitNewFiles(
        newFiles.filter(file => file.specId === specId),
        policy.targetManifestBytes,
      ),
      ...ofSpec
        .filter(manifest => !isSealed(manifest))
        .map(manifest => ({ newFiles: [], manifest, bytes: Number(manifest.lengthBytes) })),
    ]
    const listed = packFromEnd(candidates, policy.targetManifestBytes).flatMap(bin => {
      const merge = mergesLeft > 0 && isWorthMerging(bin, policy)
      if (merge) mergesLeft -= 1
      return merge ? [mergeBin(bin, specId)] : bin.map(candidate => listCandidate(candidate, specId))
    })
    return [...listed, ...ofSpec.filter(isSealed).map(manifest => ({ kind: 'keep' as const, manifest }))]
  })
}

/** The manifests of a snapshot that removes files: those that list one are each written anew, the others stay. */
export function planRemovals(
  removedFiles: readonly RemovedFile[],
  manifests: readonly ManifestRecord[],
): readonly ListedManifest[] {
  const touched = new Set(removedFiles.map(file => file.manifestPath))
  return manifests
    .filter(hasLiveFiles)
    .map(manifest =>
      touched.has(manifest.path)
        ? { kind: 'write', specId: manifest.specId, newFiles: [], merged: [manifest] }
        : { kind: 'keep', manifest },
    )
}

/** A manifest without live files would be carried along for nothing. */
function hasLiveFiles({ addedFilesCount, existingFilesCount }: ManifestRecord): boolean {
  return addedFilesCount + existingFilesCount > 0
}

interface Candidate {
  readonly newFiles: readonly LiveFile[]
  readonly manifest?: ManifestRecord
  readonly bytes: number
}

/** New files in their order, cut so that the entries of one manifest stay below the target, counted before compression. */
function splitNewFiles(files: readonly LiveFile[], targetBytes: number): Candidate[] {
  const groups: { newFiles: LiveFile[]; bytes: number }[] = []
  for (const file of files) {
    const last = groups.at(-1)
    if (last !== undefined && last.bytes + file.encoded.length <= targetBytes) {
      last.newFiles.push(file)
      last.bytes += file.encoded.length
    } else groups.push({ newFiles: [file], bytes: file.encoded.length })
  }
  return groups
}

/** Consecutive bins of at most `targetBytes`, filled from the end, so that the under-filled one is the newest. */
function packFromEnd(candidates: readonly Candidate[], targetBytes: number): Candidate[][] {
  const bins: { members: Candidate[]; bytes: number }[] = []
  for (const candidate of candidates.toReversed()) {
    const open = bins.at(-1)
    if (open !== undefined && open.bytes + candidate.bytes <= targetBytes) {
      open.members.push(candidate)
      open.bytes += candidate.bytes
    } else bins.push({ members: [candidate], bytes: candidate.bytes })
  }
  return bins.toReversed().map(bin => bin.members.toReversed())
}

function isWorthMerging(bin: readonly Candidate[], policy: MergePolicy): boolean {
  if (bin.length < 2) return false
  const hasNew = bin.some(candidate => candidate.manifest === undefined)
  return !hasNew || bin.length >= policy.minCountToMerge
}

function mergeBin(bin: readonly Candidate[], specId: number): ManifestGroup {
  return {
    kind: 'write',
    specId,
    newFiles: bin.flatMap(candidate => candidate.newFiles),
    merged: bin.flatMap(candidate => (candidate.manifest === undefined ? [] : [candidate.manifest])),
  }
}

function listCandidate(candidate: Candidate, specId: number): ListedManifest {
  return candidate.manifest === undefined
    ? { kind: 'write', specId, newFiles: candidate.newFiles, merged: [] }
    : { kind: 'keep', manifest: candidate.manifest }
}
