import { expect, test } from 'vitest'
import { MAX_LINE_BYTES, splitLines } from '../../../services/landing/split-lines.ts'
import { utf8 } from '../../fakes/segment-rows.ts'

async function* chunksOf(...texts: string[]) {
  for (const text of texts) yield utf8(text)
}

async function linesOf(input: AsyncIterable<Uint8Array>): Promise<string[]> {
  const lines: string[] = []
  for await (const some of splitLines(input)) lines.push(...some.map(line => Buffer.from(line).toString()))
  return lines
}

test.each([
  [['a\nb\n'], ['a', 'b']],
  [['a\nb'], ['a', 'b']],
  [
    ['a', 'b\nc', 'd', '\n', 'e'],
    ['ab', 'cd', 'e'],
  ],
  [
    ['a\r\nb\r', '\n'],
    ['a', 'b'],
  ],
  [['a\n\nb\n'], ['a', '', 'b']],
  [[''], []],
])('the chunks %j hold the lines %j', async (chunks, lines) => {
  expect(await linesOf(chunksOf(...chunks))).toEqual(lines)
})

test('a line without end is refused with its number before it fills the memory', async () => {
  async function* endless() {
    yield utf8('{}\n')
    const chunk = new Uint8Array(MAX_LINE_BYTES / 8).fill(65)
    for (let i = 0; i < 9; i++) yield chunk
    throw new Error('read on')
  }
  await expect(linesOf(endless())).rejects.toMatchObject({
    code: 'land-line-too-long',
    details: { lineNumber: 2 },
  })
})
