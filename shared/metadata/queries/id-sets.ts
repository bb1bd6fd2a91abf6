/** Ids of many tables in one statement. A prepared statement has a fixed number of them, so a longer list takes several. */
import { sql } from 'kysely'

const IDS_AT_ONCE = 50
const positions = Array.from({ length: IDS_AT_ONCE }, (_, position) => position)

export type Ids = Readonly<Record<`id${number}`, string>>

/** For `in (…)`. */
export const listed = (ids: Ids) => sql.join(positions.map(position => sql`${ids[`id${position}`]}`))

/** As many sets as the ids take; none for none. */
export function idSets(tableIds: readonly string[]): readonly Ids[] {
  const sets: Ids[] = []
  for (let from = 0; from < tableIds.length; from += IDS_AT_ONCE) sets.push(idsOf(tableIds.slice(from)))
  return sets
}

export function idOnce(tableId: string): Ids {
  return idsOf([tableId])
}

/** What is missing to a whole set is filled with the last id. */
function idsOf(tableIds: readonly string[]): Ids {
  return Object.fromEntries(
    positions.map(position => [`id${position}`, tableIds[position] ?? tableIds.at(-1) ?? '']),
  )
}
