import { openSqliteMetadataStore } from '../../../shared/metadata/sqlite/store.ts'
import { describeAgainstModel } from './against-model.ts'

describeAgainstModel('sqlite', 300, async clock => openSqliteMetadataStore({ path: ':memory:', clock }))
