import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRecords } from '../../../shared/segment/record-parser.ts'
import { parseRecordsSimply } from '../../../shared/segment/record-parser-simple.ts'
import { BASE_TIMESTAMP_MS, encodeRecords, headerFor, inputFor, outcomeOf } from '../../fakes/raw-batches.ts'

const content = fc.option(fc.uint8Array({ maxLength: 200 }), { nil: null })
const record = fc.record({
  step: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 })),
  delta: fc.oneof(
    fc.nat(1000),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 }),
    fc.maxSafeInteger().map(n => n % 2 ** 50),
  ),
  key: content,
  value: content,
  headers: fc.oneof(
    fc.constant([]),
    fc.array(fc.record({ key: fc.uint8Array({ maxLength: 10 }), value: content }), { maxLength: 3 }),
  ),
})
const batch = fc.record({
  records: fc.array(record, { maxLength: 12 }),
  spare: fc.nat(5),
  isLogAppend: fc.boolean(),
  isInflated: fc.boolean(),
})

function inputOf({
  records,
  spare,
  isLogAppend,
  isInflated,
}: typeof batch extends fc.Arbitrary<infer T> ? T : never) {
  let offsetDelta = -1
  const encoded = encodeRecords(
    records.map(({ step, delta, key, value, headers }) => {
      offsetDelta += step
      return { timestampMs: BASE_TIMESTAMP_MS + delta, offsetDelta, key, value, headers }
    }),
  )
  const header = headerFor({
    recordCount: records.length,
    lastOffsetDelta: Math.max(0, offsetDelta) + spare,
    timestampType: isLogAppend ? 'log-append' : 'create',
  })
  return { encoded, header, isInflated }
}

test('both parsers read back what was encoded', () => {
  fc.assert(
    fc.property(batch, spec => {
      const { encoded, header, isInflated } = inputOf(spec)
      const rows = outcomeOf(parseRecords, inputFor(encoded, header, isInflated))
      expect(rows).toEqual(outcomeOf(parseRecordsSimply, inputFor(encoded, header, isInflated)))
      expect(rows).toHaveLength(spec.records.length)
    }),
    { numRuns: 300 },
  )
})

test('on mutated batches both parsers give the same rows or the same error', () => {
  const mutation = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.nat(255) }),
    fc.record({
      kind: fc.constant('insert' as const),
      at: fc.nat(),
      byte: fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff),
    }),
    fc.record({ kind: fc.constant('remove' as const), at: fc.nat(), byte: fc.constant(0) }),
    fc.record({ kind: fc.constant('count' as const), at: fc.nat(20), byte: fc.constant(0) }),
  )
  fc.assert(
    fc.property(batch, fc.array(mutation, { minLength: 1, maxLength: 4 }), (spec, mutations) => {
      const { encoded, header: original, isInflated } = inputOf(spec)
      const bytes = [...encoded]
      let header = original
      for (const { kind, at, byte } of mutations) {
        const position = bytes.length === 0 ? 0 : at % bytes.length
        if (kind === 'set' && bytes.length > 0) bytes[position] = byte
        if (kind === 'insert') bytes.splice(position, 0, byte)
        if (kind === 'remove') bytes.splice(position, 1)
        if (kind === 'count')
          header = { ...header, recordCount: at, lastOffsetDelta: Math.max(at, header.lastOffsetDelta) }
      }
      const input = inputFor(Uint8Array.from(bytes), header, isInflated)
      expect(outcomeOf(parseRecords, input)).toEqual(outcomeOf(parseRecordsSimply, input))
    }),
    { numRuns: 3000 },
  )
})
