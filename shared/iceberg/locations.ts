/**
 * Where the objects of a table lie. Names of metadata derive from the table and the snapshot, so that a publish that is run again
 * after a crash writes the same keys; orphan cleanup knows Tidewater's objects by these names and touches no others.
 */
import { createHash } from 'node:crypto'
import { invariant } from '../runtime/errors.ts'

/** The parts of a name that tell one snapshot's objects from every other table's and snapshot's. */
export interface SnapshotName {
  /** Absolute location of the table, without a trailing slash. */
  readonly location: string
  readonly tableId: string
  readonly snapshotId: bigint
}

export function manifestPath(name: SnapshotName, index: number): string {
  return metadataPath(name.location, `${name.snapshotId}-m${index}-${nameUuid(name)}.avro`)
}

export function manifestListPath(name: SnapshotName): string {
  return metadataPath(name.location, `snap-${name.snapshotId}-1-${nameUuid(name)}.avro`)
}

/** The sidecar with offsets; named by its content, so that it can be written before the snapshot's intent. */
export function offsetsPath(name: SnapshotName, contentHash: string): string {
  return metadataPath(name.location, `${name.snapshotId}-offsets-${contentHash.slice(0, 16)}.json`)
}

/** `metadata/00001-<uuid>.metadata.json`: at least five digits; some catalogs parse the version out of the name. */
export function metadataFilePath(location: string, version: number, uuid: string): string {
  invariant(Number.isInteger(version) && version >= 0, `metadata version ${version} is a whole number`)
  return metadataPath(location, `${String(version).padStart(5, '0')}-${uuid}.metadata.json`)
}

/** `partitionPath` is that of `partition-path.ts`, empty for an unpartitioned table. */
export function dataFilePath(location: string, partitionPath: string, fileName: string): string {
  checkLocation(location)
  return partitionPath === ''
    ? `${location}/data/${fileName}`
    : `${location}/data/${partitionPath}/${fileName}`
}

function metadataPath(location: string, fileName: string): string {
  checkLocation(location)
  return `${location}/metadata/${fileName}`
}

/** A doubled slash makes two keys of what some readers take for one. */
function checkLocation(location: string): void {
  const path = location.replace(/^[a-z][a-z0-9+.-]*:\/\/\/?/i, '')
  invariant(
    !path.endsWith('/') && !path.includes('//'),
    `table location ${location} has no doubled and no trailing slash`,
  )
}

/** The shape of a version 8 UUID over a hash: readers expect a uuid there, and it is the same in every retry. */
function nameUuid(name: SnapshotName): string {
  const hex = createHash('sha256').update(`${name.tableId}/${name.snapshotId}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
