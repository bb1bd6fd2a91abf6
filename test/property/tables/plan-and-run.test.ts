/** `plan` and `run` hold each other to their word, for a database that one random configuration made and another one that comes after. */
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { openCatalogs } from '../../../catalog-adapters/open-catalogs.ts'
import type { Parts } from '../../../services/parts.ts'
import { runOnce } from '../../../services/pipeline.ts'
import { loadKnownState } from '../../../services/tables/known-state.ts'
import { isChange, planChanges } from '../../../services/tables/plan-changes.ts'
import type { Config } from '../../../shared/config/config.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { configOf, openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

const pipelines: Pipeline[] = []
afterEach(async () => {
  for (const pipeline of pipelines.splice(0)) await pipeline.close()
})

const CATALOGS = ['first', 'second'] as const

const column = fc.record({
  name: fc.constantFrom('a', 'b'),
  type: fc.constantFrom('long', 'int', 'string'),
  doc: fc.constantFrom('x', 'y'),
})
const table = fc.record({
  name: fc.constantFrom('shop.a', 'shop.x.b', 'x.b'),
  source: fc.constant('local'),
  source_topic: fc.constantFrom('orders', 'orders', 'orders', 'others'),
  source_format: fc.constant('json'),
  schema: fc.record({ fields: fc.uniqueArray(column, { minLength: 1, selector: ({ name }) => name }) }),
  metadata_columns: fc.constantFrom('struct', 'struct', 'none'),
  dlq_mode: fc.constantFrom('dlq', 'skip'),
  dlq_url: fc.constantFrom(undefined, undefined, 'file:///lake/letters'),
  properties: fc.constantFrom({}, { owner: 'ada' }),
})
const tables = fc.uniqueArray(table, { minLength: 1, maxLength: 3, selector: ({ name }) => name })
const setup = fc.record({
  tables,
  catalogs: fc.subarray([...CATALOGS], { minLength: 1 }),
  warehouse: fc.constantFrom('', '', '', '/shop'),
})

type Setup = typeof setup extends fc.Arbitrary<infer T> ? T : never

function configFor({ tables: declared, catalogs, warehouse }: Setup): Config {
  // Through JSON: a key that is absent is not one that is undefined.
  const config = configOf({ tables: JSON.parse(JSON.stringify(declared)) })
  return {
    ...config,
    warehouse: { ...config.warehouse, url: config.warehouse.url + warehouse },
    catalogs: catalogs.map(name => ({ name, type: 'embedded' })),
    tables: config.tables.map(declaredTable => ({ ...declaredTable, catalogs })),
  }
}

function partsFor({ parts }: Pipeline, config: Config): Parts {
  return { ...parts, config, catalogs: openCatalogs(config.catalogs, parts) }
}

/** Rows of the database that a run may write, apart from its clock, its leases and what it has converted. */
const written = async (parts: Parts) => await loadKnownState(parts.metadata)

test('plan says "no changes" exactly when a run changes nothing, and "refused" exactly when it refuses', async () => {
  await fc.assert(
    fc.asyncProperty(setup, fc.option(setup), fc.boolean(), async (before, other, again) => {
      const pipeline = await openPipeline()
      pipelines.push(pipeline)
      const never = new AbortController().signal
      await runOnce(partsFor(pipeline, configFor(before)), { signal: never })
      // Often something near: one part of the first configuration is kept.
      const after = other === null ? before : again ? { ...before, ...other, tables: before.tables } : other
      const parts = partsFor(pipeline, configFor(after))
      const known = await written(parts)
      const plans = planChanges(parts.config, known)
      const refused = plans.flatMap(({ refusal }) => refusal ?? [])
      const outcome = await runOnce(parts, { signal: never }).catch((error: unknown) => error)

      if (outcome instanceof AppError) {
        expect(refused.map(({ message }) => message).join('\n')).toBe(outcome.message)
        expect(await written(parts)).toEqual(known)
        return
      }
      expect(outcome).toEqual([])
      expect(refused).toEqual([])
      const now = await written(parts)
      expect(plans.some(isChange)).toBe(JSON.stringify(now, bigints) !== JSON.stringify(known, bigints))
      for (const { table: name, action, location } of plans) {
        const stands = now.tables.find(candidate => candidate.name === name)
        const stood = known.tables.find(candidate => candidate.name === name)
        expect([stands?.location, stood === undefined]).toEqual([location, action === 'create'])
      }
      expect(planChanges(parts.config, now).filter(isChange)).toEqual([])
    }),
    { numRuns: 60 },
  )
})

const bigints = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
