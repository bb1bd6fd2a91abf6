import { expect, it } from 'vitest'
import { loadDuckDB } from '../../../services/query/duckdb.ts'

it('a package that is not there is an error with the command that installs it', async () => {
  const name = '@duckdb/not-installed-anywhere'
  await expect(loadDuckDB(() => import(name))).rejects.toMatchObject({
    code: 'duckdb-missing',
    message: expect.stringMatching(/Cannot find.*npm install @duckdb\/node-api/),
  })
})
