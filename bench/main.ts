/**
 * `npm run bench [-- --json] [--only <name>] [--quick]`: figures of this machine, at this moment. Ratios within one run are what
 * compares; docs/benchmarks.md says what each key means. Progress goes to stderr, figures to stdout.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchCatalogLoad } from './catalog-load.ts'
import { benchDecode } from './decode.ts'
import { benchFreshness } from './freshness.ts'
import { benchManyTables } from './many-tables.ts'
import { benchMetadata } from './metadata.ts'
import { benchParquet } from './parquet.ts'
import { benchPlanning } from './planning.ts'
import { benchPublishing } from './publishing.ts'
import { benchSegment } from './segment.ts'
import { benchMemory } from './whole-way/memory.ts'
import { benchWholeWay } from './whole-way.ts'
import { benchWorkers } from './workers.ts'

interface BenchContext {
  readonly quick: boolean
  readonly progress: (line: string) => void
}

const COMPRESSIONS = ['none', 'snappy', 'lz4', 'zstd', 'gzip'] as const

/** In this order, by the keys of the JSON object. */
const BENCHES: Readonly<Record<string, (context: BenchContext) => Promise<readonly object[]>>> = {
  whole_way: context => benchWholeWay(context),
  memory: context => benchMemory(context),
  decode: async ({ quick }) => benchDecode(quick ? { bytesPerShape: 64 * 1024 } : {}),
  parquet: async ({ quick }) => {
    const figures: object[] = []
    for (const compression of COMPRESSIONS)
      figures.push(await benchParquet({ compression, ...(quick ? { rows: 2000, runs: 1 } : { runs: 3 }) }))
    return figures
  },
  segment: async ({ quick }) => benchSegment(quick ? { measureMs: 1 } : {}),
  catalog_load: context => benchCatalogLoad(context),
  metadata: ({ quick }) => benchMetadata(quick ? { totalFiles: 100 } : {}),
  many_tables: context => benchManyTables(context),
  planning: context => benchPlanning(context),
  freshness: context => benchFreshness(context),
  publishing: context => benchPublishing(context),
  workers: context => benchWorkers(context),
}

const USAGE_EXIT_CODE = 2

async function main(): Promise<void> {
  const names = Object.keys(BENCHES)
  const options = readOptions()
  if (options === undefined) return
  const { only, json, quick } = options
  if (only !== undefined && !names.includes(only)) {
    return refuse(`There is no bench "${only}". The benches are: ${names.join(', ')}.`)
  }
  const progress = (line: string) => console.error(line)
  const figures: Record<string, readonly object[]> = {}
  for (const name of only === undefined ? names : [only]) {
    progress(`${name} …`)
    figures[name] = (await BENCHES[name]?.({ quick, progress })) ?? []
    if (!json) {
      console.log(name)
      console.table(figures[name].map(flattened))
    }
  }
  if (json) console.log(JSON.stringify({ machine: machine(), quick, ...figures }))
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
      },
    })
    return values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function refuse(message: string): undefined {
  console.error(message)
  console.error('Usage: npm run bench -- [--json] [--only <name>] [--quick]')
  process.exitCode = USAGE_EXIT_CODE
}

function machine() {
  const [cpu] = cpus()
  return { node: process.version, platform: process.platform, cpu: cpu?.model ?? '', cpus: cpus().length }
}

/** For the table: the stages' shares beside the figures. */
function flattened(figure: object): object {
  return Object.fromEntries(
    Object.entries(figure).flatMap(([key, value]) =>
      key === 'stages'
        ? Object.entries<{ readonly share: number }>(value).map(([stage, { share }]) => [stage, share])
        : key === 'with_kafka_columns'
          ? [['ratio with _kafka', value.ratio_to_duckdb]]
          : [[key, value]],
    ),
  )
}

await main()
