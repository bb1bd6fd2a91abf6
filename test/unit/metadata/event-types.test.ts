import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  EVENT_TYPES,
  eventTypesOf,
  factsOfEvent,
  isEventType,
  SEVERITIES,
  whatToDoAbout,
} from '../../../shared/metadata/event-types.ts'

const ROOT = join(import.meta.dirname, '../../..')

describe('the table of event types', () => {
  it('has every type that the code raises, and no other', () => {
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'services', 'shared'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    const raised = new Set<string>()
    for (const path of files
      .split('\n')
      .filter(file => file.endsWith('.ts') && !file.endsWith('event-types.ts'))) {
      const code = readFileSync(join(ROOT, path), 'utf8')
      for (const [, type] of code.matchAll(/['"]([a-z]+\.[a-z_]+)['"]/g))
        if (type !== undefined && isEventType(type)) raised.add(type)
    }
    expect([...raised].sort()).toEqual(Object.keys(EVENT_TYPES).sort())
  })

  it('parts into severities', () => {
    expect(SEVERITIES.flatMap(eventTypesOf).sort()).toEqual(Object.keys(EVENT_TYPES).sort())
    expect(eventTypesOf('error')).toContain('partition.stopped')
  })
})

describe('whatToDoAbout', () => {
  it('names the table and the partition of the event', () => {
    const text = whatToDoAbout('partition.stopped', { table: 'shop.orders', partition: 3 })
    expect(text).toContain('tidewater resume shop.orders --partition 3 --why …')
  })

  it('leaves a place for a name that the event does not have', () => {
    expect(whatToDoAbout('publication.held', {})).toContain('tidewater resume <table> --why …')
  })
})

it('a type of an earlier version is still told of', () => {
  expect(factsOfEvent('long.gone')).toMatchObject({ severity: 'info', whatToDo: 'Nothing.' })
  expect(isEventType('long.gone')).toBe(false)
})
