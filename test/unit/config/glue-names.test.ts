import { expect, test } from 'vitest'
import { glueNameProblem } from '../../../shared/config/glue-names.ts'

test('lower-case letters, digits and underscores are a name for Glue', () => {
  expect(glueNameProblem('shop.orders_2024__dlq')).toBeUndefined()
  expect(glueNameProblem(`${'d'.repeat(252)}.${'t'.repeat(255)}`)).toBeUndefined()
})

test('names that would meet another one in Glue are refused, with one to take instead', () => {
  expect(glueNameProblem('Shop.orders')?.suggestion).toBe('Name it `shop.orders`.')
  expect(glueNameProblem('shop.big-Orders')?.suggestion).toBe('Name it `shop.big_orders`.')
  expect(glueNameProblem('shop.größe')).toBeDefined()
  expect(glueNameProblem(`shop.${'t'.repeat(256)}`)).toBeDefined()
})

test('a database lies in no other', () => {
  expect(glueNameProblem('shop.eu.orders')?.message).toContain('nested')
  expect(glueNameProblem('orders')).toBeDefined()
})
