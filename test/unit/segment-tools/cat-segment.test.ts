import { expect, test } from 'vitest'
import { catSegment } from '../../../services/segment-tools/cat-segment.ts'
import { encodeSegment } from '../../../shared/segment/segment-writer.ts'
import { appErrorOf, utf8 } from '../../fakes/segment-rows.ts'

const baseOffset = 2n ** 53n + 1n
const key = `lake/orders/3/segment-${`${baseOffset}`.padStart(20, '0')}.kfs`
const { segment } = encodeSegment({
  baseOffset,
  createdAtMs: 0,
  batches: [
    {
      codec: 'zstd',
      records: [
        { timestampMs: 5, key: utf8('k"'), value: utf8('{"a":1}') },
        { timestampMs: 6, key: null, value: null },
        {
          timestampMs: 7,
          key: utf8(''),
          value: Uint8Array.of(0xff, 0x00),
          headers: [
            { key: utf8('h'), value: utf8('é') },
            { key: utf8('h'), value: null },
            { key: utf8('b'), value: Uint8Array.of(0x80) },
          ],
        },
      ],
    },
  ],
})

test('each record is a line of JSON, with exact offsets, text where it is text and base64 where not', () => {
  expect([...catSegment(segment, { key })]).toEqual([
    '{"topic":"orders","partition":3,"offset":9007199254740993,"timestamp_ms":5,"key":"k\\"","value":"{\\"a\\":1}","headers":[]}',
    '{"topic":"orders","partition":3,"offset":9007199254740994,"timestamp_ms":6,"key":null,"value":null,"headers":[]}',
    '{"topic":"orders","partition":3,"offset":9007199254740995,"timestamp_ms":7,"key":"","value_base64":"/wA=",' +
      '"headers":[{"key":"h","value":"é"},{"key":"h","value":null},{"key":"b","value_base64":"gA=="}]}',
  ])
})

test('without topic and partition in the path the lines have none', () => {
  const [first] = catSegment(segment, {
    key: 'download.kfs',
    startOffset: baseOffset + 1n,
    endOffset: baseOffset + 2n,
  })
  expect(first).toBe('{"offset":9007199254740994,"timestamp_ms":6,"key":null,"value":null,"headers":[]}')
})

test('a damaged segment is an error, not a shorter output', () => {
  expect(appErrorOf(() => [...catSegment(segment.subarray(0, -1), { key })]).code).toBe('segment-truncated')
})
