import { afterAll } from 'vitest'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { describeAgainstModel } from '../../property/metadata/against-model.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

let server: PostgresServer | undefined
afterAll(() => server?.remove())

describeAgainstModel('postgres', 300, async clock => {
  server = await startPostgres()
  return openPostgresMetadataStore({ address: server.address('model'), clock })
})
