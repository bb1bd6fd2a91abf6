/** The declared tables of a running process. It may grow while the process runs; a table never leaves it. */
import { invariant } from '../../shared/runtime/errors.ts'
import type { DeclaredTable } from './declare-table.ts'

export interface TableSet {
  /** In the order in which they were added. */
  all(): readonly DeclaredTable[]
  find(tableId: string): DeclaredTable | undefined
  /** Calls `visit` for every table, also for those that are added later. */
  follow(visit: (table: DeclaredTable) => void): void
  add(table: DeclaredTable): void
}

export function createTableSet(tables: readonly DeclaredTable[]): TableSet {
  const byId = new Map<string, DeclaredTable>()
  const visitors: ((table: DeclaredTable) => void)[] = []
  const set: TableSet = {
    all: () => [...byId.values()],
    find: tableId => byId.get(tableId),
    follow(visit) {
      visitors.push(visit)
      for (const table of byId.values()) visit(table)
    },
    add(table) {
      const { tableId, name } = table.rows
      invariant(!byId.has(tableId), `table ${name} is added once`)
      byId.set(tableId, table)
      for (const visit of visitors) visit(table)
    },
  }
  for (const table of tables) set.add(table)
  return set
}
