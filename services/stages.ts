/** The stages of the pipeline by name: a process runs all of them, or those that `run --stages` names. */

export const STAGES = ['discover', 'plan', 'convert', 'publish', 'maintain', 'serve'] as const

export type Stage = (typeof STAGES)[number]

export const ALL_STAGES: ReadonlySet<Stage> = new Set(STAGES)

export type ParsedStages =
  | { readonly ok: true; readonly stages: ReadonlySet<Stage> }
  | { readonly ok: false; readonly message: string }

/** Reads a list with commas between the names, as `--stages` takes it. */
export function parseStages(text: string): ParsedStages {
  const names = text.split(',').map(name => name.trim())
  const unknown = names.filter(name => !isStage(name))
  if (unknown.length > 0)
    return {
      ok: false,
      message: `there is no stage ${unknown.map(name => `'${name}'`).join(', ')}; there are ${STAGES.join(', ')}, with commas between them.`,
    }
  const stages = new Set(names.filter(isStage))
  // Discovery hands planning what it found in memory.
  if (stages.has('discover') !== stages.has('plan'))
    return {
      ok: false,
      message: 'discovery and planning run in one loop: name both (discover,plan) or neither.',
    }
  return { ok: true, stages }
}

function isStage(name: string): name is Stage {
  return (STAGES as readonly string[]).includes(name)
}
