import { describe, expect, it } from 'vitest'
import { errorsOf, fileWithTable } from './fixtures.ts'

describe('names of tables in Glue', () => {
  const catalogs = 'catalogs: [ { name: athena, type: glue }, { name: local, type: embedded } ]\n'

  it.each([['shop.Orders'], ['Shop.orders'], ['shop.big-orders'], ['shop.eu.orders']])(
    '%s is refused, with another to take',
    name => {
      const [error, ...others] = errorsOf(catalogs + fileWithTable(`name: ${name}`))
      expect(others).toEqual([])
      expect(error).toMatchObject({
        path: 'tables[0].name',
        suggestion: expect.stringContaining('leave catalog athena out of catalogs'),
      })
    },
  )

  it.each(['name: shop.Orders\ncatalogs: [ local ]', 'name: "shop.{topic}"\nsource_topics: "Or*"'])(
    'that Glue folds are fine where the table is in other catalogs only, or the name is a template: %j',
    table => {
      expect(errorsOf(catalogs + fileWithTable(table))).toEqual([])
    },
  )
})
