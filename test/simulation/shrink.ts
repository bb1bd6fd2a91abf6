/**
 * Makes a world that broke smaller for as long as it breaks in the same way: fewer tables, partitions, segments, processes, deeds and
 * faults of the same seed. What is left of a plan stays as it was, so most of what does not matter can go.
 */
import { BrokenWorld, type LifeOptions, liveThrough } from './random-world.ts'
import { type Cuts, partsOf, WHOLE } from './world-plan.ts'

/** Worlds that one shrinking may live through. */
const MAX_TRIALS = 300

export interface Shrunk {
  readonly broken: BrokenWorld
  readonly trials: number
}

export async function shrink(
  found: BrokenWorld,
  { defect }: Pick<LifeOptions, 'defect'> = {},
): Promise<Shrunk> {
  const kind = kindOf(found)
  let [cuts, broken, trials]: [Cuts, BrokenWorld, number] = [WHOLE, found, 0]

  async function tryCuts(smaller: Cuts): Promise<boolean> {
    if (trials >= MAX_TRIALS) return false
    trials++
    const outcome = await outcomeOf(found.seed, { cuts: smaller, ...(defect !== undefined && { defect }) })
    if (outcome === undefined || kindOf(outcome) !== kind) return false
    ;[cuts, broken] = [smaller, outcome]
    return true
  }
  const without = (parts: readonly string[]): Cuts => ({ ...cuts, parts: new Set([...cuts.parts, ...parts]) })

  for (const part of partsOf(found.plan)) await tryCuts(without([part]))
  for (let segments = 1; segments <= 6; segments++)
    if (await tryCuts({ ...cuts, maxSegments: segments })) break
  for (const part of partsOf(broken.plan)) await tryCuts(without([part]))
  // Faults go by halves, then by quarters, and at last one by one.
  for (let size = Math.ceil(broken.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < broken.faults.length && trials < MAX_TRIALS; )
      if (!(await tryCuts(without(broken.faults.slice(from, from + size))))) from += size
  return { broken, trials }
}

async function outcomeOf(seed: number, options: LifeOptions): Promise<BrokenWorld | undefined> {
  try {
    const { world } = await liveThrough(seed, options)
    world.database.close()
    return undefined
  } catch (error) {
    if (error instanceof BrokenWorld) return error
    throw error
  }
}

/** The same failure names other ids, offsets and times in a smaller world. */
function kindOf({ reason }: BrokenWorld): string {
  return (
    reason
      .split(';')[0]
      ?.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\S*\d\S*/g, '#')
      .replaceAll(/(#[,\s]*)+/g, '#')
      .slice(0, 120) ?? ''
  )
}

/** For people: what broke, what it takes, and what happened. */
export function describeShrunk({ broken, trials }: Shrunk): string {
  const { seed, reason, plan, faults, trace } = broken
  const segments = plan.landing.lives.flatMap(life => life.segments).length
  return [
    `seed ${seed}: ${reason}`,
    '',
    `smallest world of ${trials} tried: ${plan.fleet.map(({ name }) => name).join(', ')}; ${plan.landing.lives.length} lives of partitions, ${segments} segments`,
    ...plan.deeds.map(deed => `deed: ${JSON.stringify(deed)}`),
    ...faults.map(fault => `fault: ${fault}`),
    '',
    'its last events:',
    trace,
    '',
    `run it alone: node test/simulation/run.ts --seed ${seed}`,
  ].join('\n')
}
