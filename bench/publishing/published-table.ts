/** One table in one catalog, of which every small commit is published by itself, as the publishing stage does it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openCatalogs } from '../../catalog-adapters/open-catalogs.ts'
import { nameProcess, openStores } from '../../services/parts.ts'
import { publishTable } from '../../services/publisher/publish-table.ts'
import { declareTable } from '../../services/tables/declare-table.ts'
import { tableIdentifierOf } from '../../shared/config/config.ts'
import { loadConfig } from '../../shared/config/load-config.ts'
import { renderTableMetadata } from '../../shared/iceberg/table-metadata-json.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { hookedObjectStore } from '../../test/fakes/hooked-object-store.ts'
import { openMadeCommits } from '../made-commits.ts'
import type { BenchedCatalog } from './catalogs.ts'

export interface PublishedTable {
  readonly benched: BenchedCatalog
  /** How many snapshots its metadata keeps, every further one lets the oldest expire. */
  readonly history: number
  /** One more commit of one row, and the round that publishes it. */
  publishCommit(): Promise<Cost>
  /** A round without anything new. */
  publishNothing(): Promise<Cost>
  /** What has become of it. */
  look(): Promise<Look>
  close(): Promise<void>
}

export interface Cost {
  /** To the server of the catalog. */
  readonly requests: number
  /** On the warehouse. */
  readonly storeOperations: number
  /** Of the whole round: its lease, the snapshot's files, expiry, the catalog. */
  readonly roundMs: number
  /** Of the catalog alone: looking at the table, the commit, and its confirmation in the metadata database. */
  readonly catalogMs: number
}

export interface Look {
  /** Snapshots that Tidewater keeps. */
  readonly kept: number
  /** Those that the catalog answers with. */
  readonly shown: number
  /** Of the metadata that the catalog answers with, as Tidewater writes it. */
  readonly metadataBytes: number
}

export interface TableOptions {
  readonly benched: BenchedCatalog
  readonly history: number
  /** Its own. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
}

export async function openPublishedTable({
  benched,
  history,
  folder,
  environment,
}: TableOptions): Promise<PublishedTable> {
  await mkdir(folder, { recursive: true })
  const loaded = loadConfig(configOf(benched, history), {
    path: join(folder, 'tidewater.yaml'),
    env: environment,
  })
  if (loaded.kind === 'errors') throw new Error(JSON.stringify(loaded.errors))
  const { config } = loaded
  const stores = await openStores(config, systemRuntime)
  const { metadata } = stores
  let storeOperations = 0
  const warehouse = hookedObjectStore(stores.warehouse)
  warehouse.before = () => {
    storeOperations++
  }
  const catalogs = openCatalogs(config.catalogs, { ...stores, warehouse })
  const [catalog] = catalogs.values()
  const [tableConfig] = config.tables
  invariant(catalog !== undefined && tableConfig !== undefined, 'the configuration has a catalog and a table')
  const table = await declareTable(config, tableConfig, metadata, systemRuntime)
  const commit = await openMadeCommits(metadata, table)
  const context = {
    ...stores,
    warehouse,
    catalogs: [catalog],
    retention: tableConfig.snapshotRetention,
    holder: nameProcess(systemRuntime),
    report: () => undefined,
  }

  async function publish(expected: 'published' | 'unchanged'): Promise<Cost> {
    const before = { requests: benched.requests(), storeOperations, at: performance.now() }
    const [outcome] = await publishTable(context, table.rows.name)
    const roundMs = performance.now() - before.at
    if (outcome === undefined || outcome.kind === 'busy' || outcome.kind !== expected)
      throw new Error(
        `Publishing ${table.rows.name} to ${benched.catalog} (${benched.server}) was to end as ${expected} and ended as ${outcome?.kind}`,
        { cause: outcome !== undefined && 'error' in outcome ? outcome.error : undefined },
      )
    return {
      requests: benched.requests() - before.requests,
      storeOperations: storeOperations - before.storeOperations,
      roundMs,
      catalogMs: outcome.durationMs,
    }
  }

  return {
    benched,
    history,
    async publishCommit() {
      await commit()
      return await publish('published')
    },
    publishNothing: () => publish('unchanged'),
    async look() {
      const kept = await metadata.listSnapshots(table.rows.tableId)
      const shown = await catalog.loadTable(tableIdentifierOf(table.rows.name))
      invariant(shown !== undefined, 'the catalog shows the table that was published')
      return {
        kept: kept.length,
        shown: shown.metadata.snapshots.length,
        metadataBytes: renderTableMetadata(shown.metadata).length,
      }
    },
    async close() {
      await catalog.close()
      await stores.close()
    },
  }
}

/** JSON is YAML. A namespace for each history, since tables of both are in one server. */
function configOf({ warehouse, settings }: BenchedCatalog, history: number): string {
  return JSON.stringify({
    warehouse,
    metadata: 'sqlite:./tidewater.db',
    sources: [{ name: 'none', type: 'kfs', url: 'file:./segments' }],
    catalogs: [{ name: 'benched', ...settings }],
    tables: [
      {
        name: `bench_${history}.orders`,
        source: 'none',
        source_topic: 'orders',
        schema: {
          fields: [
            { name: 'id', type: 'long' },
            { name: 'customer', type: 'string' },
            { name: 'amount', type: 'decimal(12,2)' },
            { name: 'created_at', type: 'timestamptz' },
          ],
        },
        snapshot_retention: { max_age: '3650d', min_count: history, max_count: history },
      },
    ],
  })
}
