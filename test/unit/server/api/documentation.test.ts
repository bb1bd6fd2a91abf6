import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { apiRoutes } from '../../../../services/server/api/api.ts'
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../../../../services/server/api/route.ts'

const reference = readFileSync(new URL('../../../../docs/api.md', import.meta.url), 'utf8')

it('docs/api.md lists every route of the API with its parameters, and no other', () => {
  const section = reference.split('## Routes below')[1]?.split('\n## ')[0] ?? ''
  const rows = [...section.matchAll(/^\| `\/.*$/gm)].map(([row]) => row)
  const expected = apiRoutes().map(({ path, query, summary }) => {
    const names = Object.keys(query.shape).map(name => `\`${name}\``)
    return `| \`${path}\` | ${names.join(', ')} | ${summary} |`
  })
  expect(rows).toEqual(expected)
})

it('docs/api.md gives the bounds of pages that hold', () => {
  expect(reference).toContain(`\`limit\` is 1 to ${MAX_PAGE_SIZE}, ${DEFAULT_PAGE_SIZE} unless given.`)
})
