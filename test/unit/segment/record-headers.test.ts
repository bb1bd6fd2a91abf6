import { expect, test } from 'vitest'
import { parseHeaders } from '../../../shared/segment/record-headers.ts'
import { parseRecords } from '../../../shared/segment/record-parser.ts'
import { createRecordSlices } from '../../../shared/segment/record-slices-buffer.ts'
import { BASE_TIMESTAMP_MS, encodeRecords, headerFor, inputFor } from '../../fakes/raw-batches.ts'
import { utf8 } from '../../fakes/segment-rows.ts'

test('each record gives its own headers, in order, with null and empty values apart', () => {
  const record = { timestampMs: BASE_TIMESTAMP_MS, key: null, value: utf8('v') }
  const headers = [
    { key: utf8('trace'), value: utf8('a'.repeat(200)) },
    { key: utf8('trace'), value: null },
    { key: utf8('é'), value: utf8('') },
  ]
  const slices = createRecordSlices()
  const encoded = encodeRecords([record, { ...record, headers }, { ...record, headers: headers.slice(2) }])
  parseRecords(inputFor(encoded, headerFor({ recordCount: 3 })), slices)
  expect(parseHeaders(slices, 0)).toEqual([])
  expect(parseHeaders(slices, 1)).toEqual(headers)
  expect(parseHeaders(slices, 2)).toEqual(headers.slice(2))
})
