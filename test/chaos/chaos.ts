/**
 * One run: servers, Tidewater as a fleet of real processes, a constant load, and bad weather drawn from a seed; then calm, an end of all
 * processes, and the checks. docs/chaos.md says what is injected, what is checked, and how to read a failure.
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { createWorkspace } from '../e2e/tidewater-cli.ts'
import { startPyIceberg } from '../interop/readers/readers.ts'
import { checkEnd, type EndFindings } from './check-end.ts'
import { type Fleet, type ProcessSpec, startFleet } from './fleet.ts'
import { type Landing, startLanding } from './landing.ts'
import { configYaml, environmentOf, type Servers, startServers } from './servers.ts'
import { settle, untilAllFlow } from './settle.ts'
import { blow } from './strike.ts'
import { TOPICS, tableYaml } from './topics.ts'
import { planWeather } from './weather.ts'

/** Longer than any lease, timeout or pause between two tries, after which something of what the storm left undone must have moved. */
const PATIENCE_MS = 180_000

export interface ChaosOptions {
  readonly seed: number
  readonly minutes: number
  readonly print: (line: string) => void
}

export interface ChaosRun {
  readonly folder: string
  readonly servers: Servers
  readonly landing: Landing
  /** What was not done in time after the storm, and what the checks found. */
  readonly findings: readonly string[]
  readonly figures: Readonly<Record<string, number>>
  /** Again, on what is there now. */
  check(): Promise<EndFindings>
  remove(options: { readonly keepLogs: boolean }): Promise<void>
}

/** How many processes run which stages. */
const SHAPE = { convert: 4, 'discover,plan': 2, publish: 2, maintain: 2, serve: 2 } as const

const specs = (): readonly ProcessSpec[] =>
  Object.entries(SHAPE).flatMap(([stages, count]) =>
    Array.from({ length: count }, (_, i) => ({
      name: `${stages.replace('discover,', '')}-${i + 1}`,
      args: ['run', '--stages', stages],
    })),
  )

/** Whoever starts a run removes it. When it cannot be carried out, it throws and leaves its folder. */
export async function runChaos(options: ChaosOptions): Promise<ChaosRun> {
  const servers = await startServers()
  try {
    return await runOn(servers, options)
  } catch (error) {
    await servers.stop()
    throw error
  }
}

async function runOn(servers: Servers, { seed, minutes, print: say }: ChaosOptions): Promise<ChaosRun> {
  const workspace = await createWorkspace(environmentOf(servers))
  await workspace.write('tidewater.yaml', configYaml(servers, TOPICS.map(tableYaml).join('')))
  const logs = workspace.path('logs')
  mkdirSync(logs)
  const print = (line: string) => {
    const timed = `${new Date().toISOString()} ${line}`
    appendFileSync(workspace.path('weather.log'), `${timed}\n`)
    say(timed)
  }
  print(`seed ${seed}, ${minutes} minutes; configuration, logs and this journal are in ${workspace.folder}`)

  const { source, postgres, proxy, s3 } = servers
  const fleet = startFleet({ folder: workspace.folder, logs, env: environmentOf(servers), specs: specs() })
  const landing = startLanding(source, seed)
  const landed = landing.landed()
  try {
    await untilAllFlow(workspace, landed, PATIENCE_MS)
    print('every table has rows; the storm begins')
    await storm({ fleet, servers, seed, minutes, print })
  } finally {
    await landing.stop()
  }
  const records = landed.reduce((sum, { ids, broken }) => sum + ids.length + broken.length, 0)
  print(`calm; ${records} records have landed, ${proxy.struck()} requests to S3 were struck`)
  const calmAt = performance.now()
  const undone = await settle({ workspace, postgres }, landed, PATIENCE_MS)
  const settledMs = Math.round(performance.now() - calmAt)
  print(
    `${undone.length === 0 ? 'at rest' : 'NOT at rest'} after ${settledMs} ms; asking all processes to stop`,
  )
  await fleet.stop()

  const pyiceberg = await startPyIceberg({ s3 })
  const check = () => checkEnd({ workspace, servers, logs, endings: fleet.endings, landed, pyiceberg })
  const { findings: wrong, orphans } = await check()
  const late = undone.map(what => `still not done after the storm: ${what}`)
  const findings = [...late, ...wrong]
  for (const finding of findings) print(`FINDING ${finding}`)
  print(`checked: ${findings.length} findings`)
  return {
    folder: workspace.folder,
    servers,
    landing,
    findings,
    figures: {
      records,
      starts: fleet.starts(),
      endedByThemselves: fleet.endings.filter(({ wasTold }) => !wasTold).length,
      struckRequests: proxy.struck(),
      settledMs,
      orphans,
    },
    check,
    async remove({ keepLogs }) {
      await pyiceberg.close()
      await servers.stop()
      if (!keepLogs) await workspace.remove()
    },
  }
}

async function storm(of: {
  readonly fleet: Fleet
  readonly servers: Servers
  readonly seed: number
  readonly minutes: number
  readonly print: (line: string) => void
}): Promise<void> {
  const durationMs = of.minutes * 60_000
  const weather = planWeather({ seed: of.seed, durationMs, processes: of.fleet.names })
  await blow(weather, of, AbortSignal.timeout(durationMs))
}
