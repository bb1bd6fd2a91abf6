import { expect, it } from 'vitest'
import { hideSecrets } from '../../../catalog-adapters/hide-secrets.ts'

const SECRET = 'a "secret" +/='

it.each([
  ['as it is', SECRET],
  ['in a URL', encodeURIComponent(SECRET)],
  ['in a form', new URLSearchParams({ s: SECRET }).toString().slice(2)],
  ['in JSON', JSON.stringify(SECRET).slice(1, -1)],
])('a secret that a server repeats %s is taken out', (_where, form) => {
  expect(hideSecrets(`you sent ${form}, twice: ${form}`, [SECRET])).toBe('you sent [secret], twice: [secret]')
})

it('an empty secret takes out nothing', () => {
  expect(hideSecrets('you sent nothing', [''])).toBe('you sent nothing')
})
