/** Writes `tidewater.schema.json` beside this file, to be formatted by Biome: `npm run schema` does both, after a change of `file-schema.ts`. */
import { writeFileSync } from 'node:fs'
import { tidewaterJsonSchema } from './json-schema.ts'

writeFileSync(
  new URL('tidewater.schema.json', import.meta.url),
  `${JSON.stringify(tidewaterJsonSchema(), null, 2)}\n`,
)
