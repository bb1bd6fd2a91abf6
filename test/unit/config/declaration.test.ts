import { describe, expect, it } from 'vitest'
import { canonicalDeclaration, describeDeclarationChange } from '../../../shared/config/declaration.ts'
import { tableOf } from './fixtures.ts'

const declared = (yaml: string) => canonicalDeclaration(tableOf(yaml))
const base = `
schema: { fields: [ { name: id, type: long, required: true }, { name: amount, type: "decimal(12,2)" },
  { name: tags, type: list, element: string } ] }
partition_by: [ "bucket(4, id)" ]`

describe('canonicalDeclaration', () => {
  it('is the same text for the same declaration written in another way', () => {
    const other = `
partition_by: [ "bucket(4,id)" ]
schema:
  fields:
    - { required: true, type: long, name: id }
    - { type: "decimal(12, 2)", name: amount, required: false }
    - name: tags
      element: { type: string }
      type: list`
    expect(declared(other)).toBe(declared(base))
  })

  it('does not depend on what may change freely', () => {
    const more = `${base}\ncommit_interval: 3s\ndlq_mode: skip\ncompression: gzip\nproperties: { owner: me }`
    expect(declared(more)).toBe(declared(base))
    expect(declared(base.replace('type: long', 'type: long, doc: the id'))).toBe(declared(base))
  })
})

describe('describeDeclarationChange', () => {
  it('says nothing when nothing changed', () => {
    expect(describeDeclarationChange(declared(base), declared(base))).toEqual([])
  })

  it.each([
    ['decimal(12,2)', 'decimal(14,2)', ['column `amount`: decimal(12, 2) → decimal(14, 2)']],
    [', required: true', '', ['column `id`: long required → long']],
    ['element: string', 'element: int', ['column `tags.element`: string → int']],
    [
      'name: tags',
      'name: labels',
      [
        'column `tags` removed',
        'column `tags.element` removed',
        'column `labels` added',
        'column `labels.element` added',
      ],
    ],
    ['bucket(4, id)', 'bucket(8, id)', ['partition_by: [bucket[4](id)] → [bucket[8](id)]']],
    ['name: id, type', 'name: id, id: 9, type', ['column `id`: long required → long required (id 9)']],
  ])('names the change from %s to %s', (before, after, expected) => {
    expect(describeDeclarationChange(declared(base), declared(base.replace(before, after)))).toEqual(expected)
  })

  it('notices topic, format, metadata columns, and columns in another order', () => {
    const before = 'schema: { fields: [ { name: key, type: binary }, { name: value, type: binary } ] }'
    const after = 'schema: { fields: [ { name: value, type: binary }, { name: key, type: binary } ] }'
    expect(describeDeclarationChange(declared(before), declared(after))).toEqual(['the order of the columns'])
    expect(
      describeDeclarationChange(
        declared(before),
        declared(`${before}\nsource_topic: other\nsource_format: raw\nmetadata_columns: none`),
      ),
    ).toEqual(['source_topic: t → other', 'source_format: json → raw', 'metadata_columns: struct → none'])
  })

  it('reads no sense into text that is not a declaration', () => {
    expect(describeDeclarationChange('{}', declared(base))).toEqual(['the declaration'])
    expect(describeDeclarationChange('not json', 'not json')).toEqual([])
  })
})
