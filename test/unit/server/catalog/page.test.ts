import { describe, expect, it } from 'vitest'
import {
  cutPage,
  MAX_PAGE_SIZE,
  MAX_UNPAGED_NAMES,
  pageOf,
} from '../../../../services/server/catalog/page.ts'

describe('a page', () => {
  it('is the whole listing without a token, whatever its size', () => {
    expect(pageOf({}, 'tables a')).toEqual({ limit: MAX_UNPAGED_NAMES })
    expect(pageOf({ pageSize: '5' }, 'tables a')).toEqual({ limit: MAX_UNPAGED_NAMES })
  })

  it('begins at an empty token and is never larger than the largest', () => {
    expect(pageOf({ pageToken: '' }, 'tables a')).toEqual({ limit: MAX_PAGE_SIZE })
    expect(pageOf({ pageToken: '', pageSize: '7' }, 'tables a')).toEqual({ limit: 7 })
    expect(pageOf({ pageToken: '', pageSize: '9'.repeat(400) }, 'tables a')).toEqual({ limit: MAX_PAGE_SIZE })
  })

  it('leads on after its last name, and nowhere from the last page', () => {
    const first = cutPage(['a.x', 'a.y', 'a.z'], { limit: 2 }, 'tables a')
    expect(first.names).toEqual(['a.x', 'a.y'])
    expect(pageOf({ pageToken: first.nextToken, pageSize: '2' }, 'tables a')).toEqual({
      limit: 2,
      after: 'a.y',
    })
    expect(cutPage(['a.z'], { limit: 2 }, 'tables a')).toEqual({ names: ['a.z'], nextToken: null })
    expect(cutPage([], { limit: 2 }, 'tables a')).toEqual({ names: [], nextToken: null })
  })

  it('is refused for a token of another listing, a damaged one, and sizes that are none', () => {
    const { nextToken } = cutPage(['a.x', 'a.y'], { limit: 1 }, 'tables a')
    const bad = [
      { pageToken: nextToken?.slice(0, -3) },
      { pageToken: 'x'.repeat(100_000) },
      { pageToken: '[]' },
      { pageToken: [nextToken, nextToken] },
      { pageToken: Buffer.from('["tables a",null]').toString('base64url') },
      ...['0', '-1', '1.5', 'many', '', '1e3', ' 1'].map(pageSize => ({ pageToken: '', pageSize })),
    ]
    for (const query of bad) expect(() => pageOf(query, 'tables a'), JSON.stringify(query)).toThrow(/page/)
    expect(() => pageOf({ pageToken: nextToken }, 'tables b')).toThrow('none that this listing gave')
  })
})
