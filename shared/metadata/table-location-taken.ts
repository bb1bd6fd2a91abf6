/** The refusal to put two tables in one place: they would delete each other's files as orphans. */
import { AppError } from '../runtime/errors.ts'

interface Place {
  readonly name: string
  readonly location: string
}

export function tableLocationTaken(table: Place, taken: Place): AppError {
  return new AppError({
    code: 'table-location-taken',
    next: 'fatal',
    message: `Creating table ${table.name} at ${table.location}: table ${taken.name} has that name or location already (${taken.location}). Each table needs its own; rename one of them.`,
    details: { table: table.name, location: table.location, takenBy: taken.name },
  })
}
