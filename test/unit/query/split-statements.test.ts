import { expect, it } from 'vitest'
import { isBlank, splitStatements } from '../../../services/query/split-statements.ts'

it.each([
  ['SELECT 1; SELECT 2', ['SELECT 1'], ' SELECT 2'],
  ["SELECT ';' AS a;", ["SELECT ';' AS a"], ''],
  [`SELECT 'it''s;', "a;""b";x`, [`SELECT 'it''s;', "a;""b"`], 'x'],
  ['SELECT 1 -- no; end\n; /* ; */ ;', ['SELECT 1 -- no; end'], ''],
  ['SELECT $$;$$, $a$ ; $$ ; $a$;', ['SELECT $$;$$, $a$ ; $$ ; $a$'], ''],
  ["SELECT 'open;", [], "SELECT 'open;"],
  [';;', [], ''],
])('%s', (text, statements, rest) => {
  expect(splitStatements(text)).toEqual({ statements, rest })
})

it('comments and white space are blank', () => {
  expect(isBlank(' -- a;\n /* b */ ')).toBe(true)
  expect(isBlank(' -- a\n 1')).toBe(false)
})
