import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { EVENT_TYPES, factsOfEvent, NOTHING_TO_DO } from '../../../shared/metadata/event-types.ts'

const guide = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8')

/** What Markdown would take for a tag is escaped there. */
const cell = (text: string) => text.replaceAll('<', String.raw`\<`)

it('docs/operating.md lists every event with its severity, its meaning and what to do, and no other', () => {
  const rows = [...guide.matchAll(/^\| `[a-z]+\.[a-z_]+` \| (?:error|warning|info) \|.*$/gm)].map(
    ([row]) => row,
  )
  const expected = Object.keys(EVENT_TYPES).map(type => {
    const { severity, meaning, whatToDo = NOTHING_TO_DO } = factsOfEvent(type)
    return `| \`${type}\` | ${severity} | ${cell(meaning)} | ${cell(whatToDo)} |`
  })
  expect(rows.sort()).toEqual(expected.sort())
})
