import { describe, expect, it } from 'vitest'
import { judgeOrphan } from '../../chaos/check-objects.ts'

const COMMITTED = '11111111-1111-4111-8111-111111111111'
const LOST = '22222222-2222-4222-8222-222222222222'
const ledger = {
  named: new Map(),
  tokens: new Set([COMMITTED]),
  snapshotIds: new Set(['123']),
  manifests: [],
}
const judge = (name: string) => judgeOrphan(`chaos/orders/${name}`, ledger)

describe('an object that the ledger does not name', () => {
  it('is left over from a claim that was lost, or a dropped intent', () => {
    for (const name of [
      `data/${LOST}-00000.parquet`,
      `data/kind=a/${LOST}-00012.parquet`,
      `metadata/snap-456-1-${LOST}.avro`,
      `metadata/456-m0-${LOST}.avro`,
      'metadata/456-offsets-0123456789abcdef.json',
      `metadata/00003-${LOST}.metadata.json`,
    ])
      expect(judge(name), name).toEqual([])
  })

  it('is a finding when its claim committed or its snapshot was cut', () => {
    expect(judge(`data/${COMMITTED}-00001.parquet`)).toEqual([
      expect.stringContaining('a claim that committed'),
    ])
    expect(judge(`metadata/snap-123-1-${LOST}.avro`)).toEqual([expect.stringContaining('was cut')])
    expect(judge(`metadata/123-m1-${LOST}.avro`)).toEqual([expect.stringContaining('was cut')])
  })

  it('is a finding when Tidewater gives no such name', () => {
    for (const name of ['data/part-0.parquet', `data/${LOST}.parquet`, 'metadata/version-hint.text', 'stray'])
      expect(judge(name), name).toEqual([expect.stringContaining('no name that Tidewater gives')])
  })
})
