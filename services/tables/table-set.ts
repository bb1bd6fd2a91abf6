/** The declared tables of a running process. It may grow while the process runs; a table never leaves it. */
import { invariant } from '../../shared/runtime/errors.ts'
import type { DeclaredTable } from './declare-table.ts'

export interface TableSet {
  /** In the order in which they were added. */
  all(): readonly DeclaredTable[]
  find(tableId: string): DeclaredTable | undefined
  add(table: DeclaredTable): void
}

export function createTableSet(tables: readonly DeclaredTable[]): TableSet {
  const byId = new Map<string, DeclaredTable>()
  const set: TableSet = {
    all: () => [...byId.values()],
    find: tableId => byId.get(tableId),
    add(table) {
      const { tableId, name } = table.rows
      invariant(!byId.has(tableId), `table ${name} is added once`)
      byId.set(tableId, table)
    },
  }
  for (const table of tables) set.add(table)
  return set
}
