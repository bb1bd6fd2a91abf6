// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables as users write them
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { substituteEnv } from '../../../shared/config/substitute-env.ts'

const env = { USER_NAME: 'ann', EMPTY: '', NESTED: '${USER_NAME}' }

describe('substituteEnv', () => {
  it.each([
    ['${USER_NAME}', 'ann'],
    ['a-${USER_NAME}-${USER_NAME}', 'a-ann-ann'],
    ['[${EMPTY}]', '[]'],
    ['$USER_NAME $ {x}', '$USER_NAME $ {x}'],
    ['$${USER_NAME}', '${USER_NAME}'],
    ['$$${USER_NAME}', '$${USER_NAME}'],
    ['${NESTED}', '${USER_NAME}'],
  ])('%s becomes %s', (text, expected) => {
    expect(substituteEnv(text, env)).toMatchObject({ text: expected, problems: [] })
  })

  it('names a variable that is not set', () => {
    expect(substituteEnv('x${GONE}', env)).toMatchObject({
      text: 'x${GONE}',
      used: [],
      problems: [{ message: 'the environment variable GONE is not set' }],
    })
    expect(substituteEnv('${toString}', env).problems).toHaveLength(1)
  })

  it.each([['${'], ['${}'], ['${A:-b}'], ['${A'], ['${1A}'], ['${ A }']])('refuses %s', text => {
    expect(substituteEnv(text, { A: 'a' })).toMatchObject({
      text,
      problems: [{ message: expect.stringMatching(/is not followed/) }],
    })
  })
})

describe('NAME_FILE', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewater-secrets-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }

  it('gives what its file holds, without line breaks at the end and with all else', () => {
    for (const [content, expected] of [
      ['pass word', 'pass word'],
      ['line\n', 'line'],
      ['windows\r\n', 'windows'],
      [' two\nlines \n\n', ' two\nlines '],
      ['${USER_NAME}', '${USER_NAME}'],
    ] as const) {
      const found = substituteEnv('<${A}>', { ...env, A_FILE: file('secret', content) })
      expect(found).toMatchObject({
        text: `<${expected}>`,
        used: [{ name: 'A', value: expected }],
        problems: [],
      })
    }
  })

  it.each([
    ['is not there', () => join(folder, 'nothing'), /cannot be read \(ENOENT\)/],
    ['is a folder', () => folder, /cannot be read \(EISDIR\)/],
    ['is empty', () => file('empty', '\n'), /is empty/],
    ['is no text', () => file('binary', 'a\0b'), /no text/],
    ['is too long', () => file('long', 'canary'.repeat(20_000)), /no text of at most 64 KiB/],
  ])('that %s is a problem, which names the file and not what it holds', (_, path, message) => {
    const found = substituteEnv('${A}', { A_FILE: path() })
    expect(found).toMatchObject({
      text: '${A}',
      used: [],
      problems: [{ message: expect.stringMatching(message) }],
    })
    expect(found.problems[0]?.message).toContain(path())
    expect(JSON.stringify(found)).not.toContain('canary')
  })

  it('and NAME at once are refused', () => {
    const problem = { message: 'the environment variables A and A_FILE are both set' }
    expect(substituteEnv('${A}', { A: 'x', A_FILE: '/x' }).problems).toMatchObject([problem])
  })

  it('may be meant itself', () => {
    expect(substituteEnv('${A_FILE}', { A_FILE: '/x' })).toMatchObject({ text: '/x', problems: [] })
  })
})
