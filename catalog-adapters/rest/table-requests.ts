/** What requests about a table have in common: paths, and what answers mean. */
import { z } from 'zod'
import type { CommitOutcome } from '../../shared/flow.ts'
import { tableMetadataFromJson } from '../../shared/iceberg/table-metadata-json.ts'
import type { CatalogTable, TableIdentifier } from '../catalog.ts'
import type { Reply, RestClient } from './rest-client.ts'
import type { Purpose, Refusal } from './rest-errors.ts'

/** Names and levels escaped; what separates levels is escaped already. */
export async function namespacePath(client: RestClient, namespace: readonly string[]): Promise<string> {
  const { levelSeparator } = await client.settings()
  return `namespaces/${namespace.map(encodeURIComponent).join(levelSeparator)}`
}

export async function tablePath(client: RestClient, { namespace, name }: TableIdentifier): Promise<string> {
  return `${await namespacePath(client, namespace)}/tables/${encodeURIComponent(name)}`
}

export function nameOf({ namespace, name }: TableIdentifier): string {
  return [...namespace, name].join('.')
}

/** A server that is not there, or behind another path, answers 404 as well, in words of its own. */
export function isMissing({ status, type }: Refusal): boolean {
  return status === 404 && /NoSuch(Table|Namespace)|^NotFoundException$|EntityNotFound/.test(type)
}

const tableAnswer = z.object({ 'metadata-location': z.string(), metadata: z.unknown() })

/** Throws `catalog-answer-malformed`, or the errors of reading metadata. */
export function tableIn(client: RestClient, purpose: Purpose, json: unknown): CatalogTable {
  const answer = client.parse(purpose, tableAnswer, json)
  const metadataLocation = answer['metadata-location']
  const metadata = tableMetadataFromJson(answer.metadata, metadataLocation)
  return { tableUuid: metadata.tableUuid, metadataLocation, metadata }
}

export function committed({ metadataLocation, tableUuid }: CatalogTable): CommitOutcome {
  return { kind: 'committed', metadataLocation, tableUuid }
}

/** What the answer to a change means. Refusals for another reason than a conflict are errors: nothing was done. */
export function outcomeOf(client: RestClient, purpose: Purpose, reply: Reply): CommitOutcome {
  if (reply.kind === 'unknown') return reply
  if (reply.kind === 'ok') {
    try {
      return committed(tableIn(client, purpose, reply.json))
    } catch (cause) {
      // It was done; what the table is now is asked again.
      return { kind: 'unknown', cause }
    }
  }
  const { refusal } = reply
  const error = client.explain(purpose, refusal)
  // A table that is gone since it was loaded is looked at again, too.
  if (refusal.status === 409 || isMissing(refusal)) return { kind: 'conflict', message: error.message }
  if (refusal.status >= 500 && refusal.status !== 501) return { kind: 'unknown', cause: error }
  throw error
}
