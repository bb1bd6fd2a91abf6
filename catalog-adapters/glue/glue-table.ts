/** A table's entry in Glue: what of it is Iceberg's, and what others may have put beside that. Pure. */
import type { Table, TableInput } from '@aws-sdk/client-glue'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { glueColumns } from './glue-columns.ts'

/** Glue's own limit on a description. */
const MAX_DESCRIPTION_CHARACTERS = 2048

/** Where the metadata of this table lies; `undefined` where it is no Iceberg table, or one whose writer stopped half-way. */
export function metadataLocationOf({ Parameters }: Table): string | undefined {
  return Parameters?.table_type?.toUpperCase() === 'ICEBERG' ? Parameters.metadata_location : undefined
}

export interface NewEntry {
  readonly name: string
  readonly metadata: TableMetadata
  readonly metadataLocation: string
  /** The entry that is replaced. What people and services keep in it stays. */
  readonly standing?: Table
}

export function tableInputOf({ name, metadata, metadataLocation, standing }: NewEntry): TableInput {
  const previous = standing && metadataLocationOf(standing)
  const description = metadata.properties.comment ?? standing?.Description
  const standingColumns = standing?.StorageDescriptor?.Columns ?? []
  const comments = new Map(
    // Of two columns of one name the current one comes first.
    standingColumns.toReversed().flatMap(({ Name, Comment }) => (Name && Comment ? [[Name, Comment]] : [])),
  )
  return {
    Name: name,
    TableType: 'EXTERNAL_TABLE',
    ...(description !== undefined && { Description: description.slice(0, MAX_DESCRIPTION_CHARACTERS) }),
    ...(standing?.Owner !== undefined && { Owner: standing.Owner }),
    ...(standing?.Retention !== undefined && { Retention: standing.Retention }),
    Parameters: {
      ...standing?.Parameters,
      table_type: 'ICEBERG',
      metadata_location: metadataLocation,
      ...(previous !== undefined && { previous_metadata_location: previous }),
    },
    StorageDescriptor: { Location: metadata.location, Columns: glueColumns(metadata, comments) },
  }
}
