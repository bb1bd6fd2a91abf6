import { expect, it } from 'vitest'
import { siblingModule } from '../../../shared/runtime/module-url.ts'

it('finds the TypeScript sibling in a clone', () => {
  const url = siblingModule('file:///clone/services/converter/pool.ts', './convert-worker')
  expect(url.href).toBe('file:///clone/services/converter/convert-worker.ts')
})

it('finds the compiled sibling in an installed package', () => {
  const url = siblingModule('file:///app/dist/services/converter/pool.js', '../cli/main')
  expect(url.href).toBe('file:///app/dist/services/cli/main.js')
})

it('looks at the path alone when the URL carries a query, as test runners add', () => {
  const url = siblingModule('file:///clone/services/pool.ts?v=1', './worker')
  expect(url.href).toBe('file:///clone/services/worker.ts')
})
