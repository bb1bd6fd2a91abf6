/** What must hold once the weather is over and the processes have stopped. Every check answers with findings, in words: none, in a good run. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Workspace } from '../e2e/tidewater-cli.ts'
import type { PyIcebergReader } from '../interop/readers/readers.ts'
import { checkObjects } from './check-objects.ts'
import { checkDeadLetters, checkRows, type PublishedTable } from './check-rows.ts'
import type { Ending } from './fleet.ts'
import type { LandedTopic } from './landing.ts'
import { type Servers, secretsOf } from './servers.ts'
import { statusOf } from './settle.ts'
import { tableOf } from './topics.ts'

/** What Tidewater says when something happened that its authors ruled out. */
const BROKEN = /broken-invariant|unexpected-failure|unhandled|Assertion/i

export interface EndState {
  readonly workspace: Workspace
  readonly servers: Servers
  readonly logs: string
  readonly endings: readonly Ending[]
  readonly landed: readonly LandedTopic[]
  readonly pyiceberg: PyIcebergReader
}

export interface EndFindings {
  readonly findings: readonly string[]
  readonly orphans: number
}

export async function checkEnd(state: EndState): Promise<EndFindings> {
  const { servers, pyiceberg } = state
  const { warehouse, postgres } = servers
  let orphans = 0
  const checks: Readonly<Record<string, () => Promise<readonly string[]>>> = {
    endings: async () => checkEndings(state.endings),
    logs: async () => checkLogs(state),
    audit: () => checkAudit(state),
    objects: async () => {
      const objects = await checkObjects(warehouse, postgres)
      orphans = objects.orphans
      return objects.findings
    },
  }
  const findings: string[] = []
  for (const [name, check] of Object.entries(checks)) findings.push(...(await findingsOf(name, check)))
  for (const table of await publishedTables(state)) {
    const name = tableOf(table.landed.topic)
    findings.push(...(await findingsOf(`rows of ${name}`, () => checkRows(pyiceberg, table))))
    findings.push(
      ...(await findingsOf(`dead letters of ${name}`, () => checkDeadLetters(pyiceberg, warehouse, table))),
    )
  }
  return { findings, orphans }
}

/** A check that cannot be carried out is a finding too, and does not hide what the others find. */
async function findingsOf(name: string, check: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await check()
  } catch (error) {
    return [`the check of ${name} failed: ${error instanceof Error ? error.message : String(error)}`]
  }
}

/** A process that is asked to stop does so by itself, and in good weather it finishes what it had begun. */
function checkEndings(endings: readonly Ending[]): readonly string[] {
  return endings.flatMap(({ process, wasTold, isLast, code, signal }) => {
    if (code === 0 && wasTold) return []
    // While a process starts, SIGTERM ends it as any program; in bad weather it leaves in the middle once its grace is over.
    if (wasTold && !isLast && (signal === 'SIGTERM' || code === 1)) return []
    // Without its database, or Redis, a process does not start; it says why and its supervisor tries again.
    if (!wasTold && code === 1) return []
    return [`${process} ended with ${signal ?? `exit code ${code}`}${wasTold ? ' when asked to stop' : ''}`]
  })
}

function checkLogs({ logs, servers }: EndState): readonly string[] {
  return readdirSync(logs).flatMap(name => {
    const lines = readFileSync(join(logs, name), 'utf8').split('\n')
    const broken = lines.filter(line => BROKEN.test(line)).slice(0, 5)
    const leaks = secretsOf(servers).filter(secret => lines.some(line => line.includes(secret)))
    return [...broken.map(line => `${name}: ${line}`), ...leaks.map(() => `${name}: a secret stands in it`)]
  })
}

const auditSchema = z.object({
  tables: z.array(
    z.object({
      table: z.string(),
      rows: z.coerce.number(),
      dead_letters: z.coerce.number(),
      skipped: z.coerce.number(),
      absent: z.coerce.number(),
      source_gaps: z.coerce.number(),
      unverifiable: z.coerce.number(),
      topic_records: z.coerce.number(),
      findings: z.array(z.string()),
    }),
  ),
})

async function checkAudit({ workspace, landed }: EndState): Promise<readonly string[]> {
  const audit = await workspace.tidewater(['audit', '--json'])
  if (audit.stdout === '') return [`tidewater audit answered nothing: ${audit.stderr}`]
  const { tables } = auditSchema.parse(JSON.parse(audit.stdout))
  const unclean = audit.exitCode === 0 ? [] : [`tidewater audit is not clean: exit code ${audit.exitCode}`]
  return [
    ...unclean,
    ...landed.flatMap(({ topic, ids, broken }) => {
      const found = tables.find(({ table }) => table === tableOf(topic))
      if (found === undefined) return [`${tableOf(topic)}: the audit does not know it`]
      const [dead_letters, skipped] = topic.dlqMode === 'dlq' ? [broken.length, 0] : [0, broken.length]
      const expected = {
        ...{ rows: ids.length, dead_letters, skipped, topic_records: dead_letters },
        ...{ absent: 0, source_gaps: 0, unverifiable: 0 },
      }
      const counts = Object.entries(expected).flatMap(([what, count]) => {
        const counted = Object.entries(found).find(([name]) => name === what)?.[1]
        return counted === count ? [] : [`expected ${count} ${what}, found ${counted}`]
      })
      return [...found.findings, ...counts].map(what => `audit of ${found.table}: ${what}`)
    }),
  ]
}

async function publishedTables({ workspace, landed }: EndState): Promise<readonly PublishedTable[]> {
  const { tables } = await statusOf(workspace)
  return landed.map(one => {
    const table = tables.find(({ name }) => name === tableOf(one.topic))
    return {
      landed: one,
      rowsAt: table?.publications[0]?.metadata_location ?? undefined,
      deadLettersAt: table?.dead_letter_publications[0]?.metadata_location ?? undefined,
    }
  })
}
