/** What the design names and this version does not do: refused by name rather than as unknown, so that nobody looks for a typing error. */

/** Keys, by the place where they would stand; list positions are left out of the place. */
export const DESIGNED_KEYS: Readonly<Record<string, readonly string[]>> = {
  tables: [
    'sort_by',
    'retention_ttl',
    'schema_registry',
    'upsert_keys',
    'primary_key',
    'transforms',
    'compaction',
  ],
  'tables.schema': ['registry', 'subject'],
}

export const DESIGNED_SOURCE_TYPES = ['kafka']
export const DESIGNED_CATALOG_TYPES = ['unity', 'polaris']
export const DESIGNED_FORMATS = ['avro', 'protobuf']
export const DESIGNED_SCHEMA_MODES = ['registry', 'infer']

export function notBuiltMessage(what: string): string {
  return `\`${what}\` is designed but not built in this version`
}
