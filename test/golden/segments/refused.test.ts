/** Segments whose records cannot be trusted are refused with the cause, never read as something else (README.md: `refused`). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readBatches } from '../../../shared/segment/segment-reader.ts'

it('a message set of librdkafka in the format before v2 is refused, and the message names the client', () => {
  const key = 'refused/librdkafka/0/segment-00000000000000000000.kfs'
  const bytes = readFileSync(join(import.meta.dirname, key))
  const refused = expect.objectContaining({ code: 'batch-magic-unsupported', next: 'park' })
  expect(() => [...readBatches(bytes, { key })]).toThrow(refused)
  expect(() => [...readBatches(bytes, { key })]).toThrow(/magic[^]*librdkafka/i)
})
