import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { LOG_EVENTS } from '../../../services/log/log-events.ts'
import { MAX_PLACES_SHOWN, PROBLEM_WINDOW_MS } from '../../../services/log/repeated-problems.ts'

const docs = readFileSync(new URL('../../../docs/logs.md', import.meta.url), 'utf8')

it('docs/logs.md lists every event with its level, its fields and its meaning, and no other', () => {
  const rows = [...docs.matchAll(/^\| `[a-z_.]+` \| (?:error|warn|info|debug|by next) \|.*$/gm)].map(
    ([row]) => row,
  )
  const expected = Object.entries(LOG_EVENTS).map(
    ([event, { level, fields, meaning }]) =>
      `| \`${event}\` | ${level} | ${fields.map(field => `\`${field}\``).join(', ')} | ${meaning} |`,
  )
  expect(rows).toEqual(expected)
  expect(docs).toContain(`up to ${MAX_PLACES_SHOWN} of them`)
  expect(docs).toContain(`every ${PROBLEM_WINDOW_MS / 1000} seconds`)
})

it('fields say their unit, and none hides one that every line has', () => {
  for (const { fields } of Object.values(LOG_EVENTS))
    for (const field of fields) {
      expect(field).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(['time', 'level', 'event', 'msg', 'host', 'process']).not.toContain(field)
    }
})
