import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  EVENT_TYPES,
  eventTypesMatching,
  factsOfEvent,
  isEventType,
  SEVERITIES,
  type Severity,
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
    const ofSeverity = (severity: Severity) =>
      eventTypesMatching({ types: undefined, severities: [severity] }) ?? []
    expect(SEVERITIES.flatMap(ofSeverity).sort()).toEqual(Object.keys(EVENT_TYPES).sort())
    expect(ofSeverity('error')).toContain('partition.stopped')
  })

  it('can be chosen by type and severity at once, or not at all', () => {
    const types = ['partition.stopped', 'source.gap'] as const
    expect(eventTypesMatching({ types, severities: ['warning', 'info'] })).toEqual(['source.gap'])
    expect(eventTypesMatching({ types, severities: undefined })).toEqual(types)
    expect(eventTypesMatching({ types: undefined, severities: undefined })).toBeUndefined()
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
  expect(factsOfEvent('long.gone')).toEqual({ severity: 'info', meaning: expect.stringMatching(/./) })
  expect(whatToDoAbout('long.gone', {})).toBe('Nothing.')
  expect(isEventType('long.gone')).toBe(false)
})
