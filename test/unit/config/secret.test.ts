import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { Secret } from '../../../shared/config/secret.ts'

it('shows a secret only when it is revealed', () => {
  const secret = new Secret('hunter2')
  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true, depth: 9 }),
  ]
  expect(shown.join()).not.toContain('hunter2')
  expect(secret.reveal()).toBe('hunter2')
})
