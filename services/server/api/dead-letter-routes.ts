/** Dead letters: how many there are and why, and the records themselves. */
import { z } from 'zod'
import { DEAD_LETTER_SUFFIX } from '../../../shared/config/table-name.ts'
import { deadLetterJson } from '../../dead-letter/dead-letter-json.ts'
import { readDeadLetterPage } from '../../dead-letter/dead-letter-page.ts'
import { type DeadLetterGroup, groupDeadLetters } from '../../dead-letter/group-dead-letters.ts'
import { busy, HttpError } from '../problem.ts'
import { deadLetterRecord, deadLetterRecordsAnswer, deadLettersAnswer } from './answers.ts'
import { DIGITS, pageToken, readPageToken } from './page-token.ts'
import { type ApiRoute, findTable, limitParameter, pageParameter, route, tableParameter } from './route.ts'

/** Pages of records read at once: each holds a window of a Parquet file in memory. */
const MAX_READS = 2

const codeParameter = z.string().meta({ description: 'Only those with this error code.' }).optional()

export function deadLetterRoutes(): readonly ApiRoute[] {
  let reading = 0
  return [
    route({
      path: '/dead-letters',
      operationId: 'countDeadLetters',
      summary: 'Dead letters by table, partition and error code, in this order.',
      query: z.strictObject({
        table: tableParameter.optional(),
        code: codeParameter,
        limit: limitParameter,
        page: pageParameter,
      }),
      answer: deadLettersAnswer,
      async handle({ metadata }, { query: { table, code, limit, page } }) {
        const scope = { list: ['dead-letters', table, code] }
        const after = readPageToken(scope, page, [/./, /./, DIGITS, /./])
        const tables =
          table === undefined
            ? (await metadata.listTables()).filter(({ kind }) => kind === 'rows')
            : [await findTable(metadata, table)]
        const groups: DeadLetterGroup[] = []
        for (const one of tables) groups.push(...(await groupDeadLetters(metadata, one)))
        const rest = groups
          .filter(group => code === undefined || group.error_code === code)
          .sort(inOrder)
          .filter(group => after === undefined || compareKeys(keyOf(group), after) > 0)
        const shown = rest.slice(0, limit)
        const last = rest.length > shown.length ? shown.at(-1) : undefined
        return { dead_letters: shown, next_page: last === undefined ? null : pageToken(scope, keyOf(last)) }
      },
    }),
    route({
      path: '/tables/{name}/dead-letters',
      operationId: 'listDeadLetters',
      summary:
        'The dead letters of a table, whole. A page may end early, even without any, where many are looked through for one code: go on while there is a next page.',
      params: z.strictObject({ name: tableParameter }),
      query: z.strictObject({ code: codeParameter, limit: limitParameter, page: pageParameter }),
      answer: deadLetterRecordsAnswer,
      async handle(context, { params, query: { code, limit, page } }) {
        const { metadata } = context
        const { name } = await findTable(metadata, params.name)
        const deadLetters = await metadata.loadTable(name + DEAD_LETTER_SUFFIX)
        if (deadLetters === undefined)
          throw new HttpError(
            404,
            'no-dead-letters',
            `Table ${name} has no dead letters: it is a table of them.`,
          )
        const scope = { list: ['dead-letters', name, code] }
        const [version, after = '', row = '0'] =
          readPageToken(scope, page, [DIGITS, /^(\d{1,18}:.+)?$/s, DIGITS]) ?? []
        const from = {
          version: version === undefined ? deadLetters.version : BigInt(version),
          after,
          row: Number(row),
        }
        if (reading >= MAX_READS)
          throw busy(`${MAX_READS} pages of dead letters are being read already. Come again.`)
        reading++
        try {
          const { rows, next } = await readDeadLetterPage(context, deadLetters, {
            from,
            limit,
            ...(code !== undefined && { code }),
          })
          return {
            dead_letters: rows.map(row => deadLetterRecord.parse(deadLetterJson(row))),
            next_page: next === undefined ? null : pageToken(scope, [next.version, next.after, next.row]),
          }
        } finally {
          reading--
        }
      },
    }),
  ]
}

const keyOf = (group: DeadLetterGroup) => [
  group.table,
  group.topic,
  String(group.partition),
  group.error_code,
]

function inOrder(a: DeadLetterGroup, b: DeadLetterGroup): number {
  return compareKeys(keyOf(a), keyOf(b))
}

function compareKeys(a: readonly string[], b: readonly string[]): number {
  for (const [position, left] of a.entries()) {
    const right = b[position] ?? ''
    if (left === right) continue
    // The third part is the number of the partition.
    return position === 2 ? Number(left) - Number(right) : left < right ? -1 : 1
  }
  return 0
}
