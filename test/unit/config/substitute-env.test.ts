// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables as users write them
import { describe, expect, it } from 'vitest'
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
