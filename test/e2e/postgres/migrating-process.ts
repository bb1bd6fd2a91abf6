/** A process that brings a database to the newest schema and writes to it: `node migrating-process.ts URL NAME`. */
import { parsePostgresUrl } from '../../../shared/metadata/postgres/address.ts'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'

const [url = '', name = ''] = process.argv.slice(2)
const address = parsePostgresUrl(url)
if (typeof address === 'string') throw new Error(address)
const store = openPostgresMetadataStore({ address })
await store.migrate()
await store.acquireLease(name, name, 1000)
await store.close()
