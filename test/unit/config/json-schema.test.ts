import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { tidewaterJsonSchema } from '../../../shared/config/json-schema.ts'

it('is committed as it is generated (npm run schema)', () => {
  const file = new URL('../../../shared/config/tidewater.schema.json', import.meta.url)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(tidewaterJsonSchema())))
})

it('describes every key of a table, closed against unknown ones, with defaults as users write them', () => {
  const schema = JSON.stringify(tidewaterJsonSchema())
  expect(schema).toContain('"commit_interval":{"default":"60s"')
  expect(schema).toContain('"enum":["dlq","skip","stop"]')
  expect(tidewaterJsonSchema()).toMatchObject({
    additionalProperties: false,
    required: expect.arrayContaining(['warehouse', 'sources', 'tables']),
    properties: {
      tables: {
        items: {
          required: ['name', 'source'],
          oneOf: [{ required: ['source_topic'] }, { required: ['source_topics'] }],
          additionalProperties: false,
        },
      },
    },
  })
})
