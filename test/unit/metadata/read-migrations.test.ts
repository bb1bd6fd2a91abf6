import { expect, it } from 'vitest'
import { readMigrations } from '../../../shared/metadata/read-migrations.ts'

it('both dialects have one history: the same numbers and names, from 1 without a hole', () => {
  const [sqlite, postgres] = [readMigrations('sqlite'), readMigrations('postgres')].map(migrations =>
    migrations.map(({ number, name }) => `${number} ${name}`),
  )
  expect(postgres).toEqual(sqlite)
  expect(readMigrations('postgres').map(({ number }) => number)).toEqual(
    Array.from({ length: postgres?.length ?? 0 }, (_, i) => i + 1),
  )
})
