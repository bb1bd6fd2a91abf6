import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignFreshIds, collectIds } from '../../../shared/iceberg/assign-ids.ts'
import { AvroCursor, AvroWriter } from '../../../shared/iceberg/avro-binary.ts'
import { decodeDataFile, encodeDataFile } from '../../../shared/iceberg/data-file-avro.ts'
import { parseExactJson, stringifyExactJson } from '../../../shared/iceberg/exact-json.ts'
import { readManifest, renderManifest } from '../../../shared/iceberg/manifest.ts'
import type { PartitionSpec } from '../../../shared/iceberg/partition-spec.ts'
import { partitionType } from '../../../shared/iceberg/partition-type.ts'
import { schemaFromJson, schemaToJson } from '../../../shared/iceberg/schema-json.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { dataFileOf, freshFields, plainValue, transformOfType } from './arbitraries.ts'

const PATH = 's3://lake/t/metadata/m.avro'

/** Up to four partition fields over columns of any type, and a file with a partition of that spec. */
const filedSpec = fc.array(transformOfType, { maxLength: 4 }).chain(pairs => {
  const schema = {
    schemaId: 0,
    fields: pairs.map(([, type], index) => ({ id: index + 1, name: `c${index}`, required: false, type })),
  }
  const spec: PartitionSpec = {
    specId: 0,
    fields: pairs.map(([transform], index) => ({
      sourceId: index + 1,
      fieldId: 1000 + index,
      name: `p.${index}`,
      transform,
    })),
  }
  const partition = fc.tuple(...partitionType(spec, schema).map(field => fc.option(plainValue(field.type))))
  return partition.chain(dataFileOf).map(file => ({ schema, spec, file }))
})

test('a data file of any spec reads back from its encoding', () => {
  fc.assert(
    fc.property(filedSpec, ({ schema, spec, file }) => {
      expect(decodeDataFile(encodeDataFile(file, spec, schema), spec, schema)).toEqual(file)
    }),
  )
})

test('a manifest of any spec reads back with its files', () => {
  fc.assert(
    fc.property(
      filedSpec,
      fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
      ({ schema, spec, file }, snapshotId) => {
        const manifest = {
          path: PATH,
          schema,
          spec,
          snapshotId,
          sequenceNumber: 9n,
          entries: [
            {
              status: 'added' as const,
              recordCount: file.recordCount,
              partition: file.partition,
              encoded: encodeDataFile(file, spec, schema),
            },
          ],
        }
        const { bytes, record } = renderManifest(manifest)
        expect(renderManifest(manifest).bytes).toEqual(bytes)
        expect(readManifest(bytes, PATH)).toEqual({
          schema,
          spec,
          entries: [{ status: 'added', snapshotId, file }],
        })
        for (const [index, summary] of record.partitions.entries()) {
          const value = file.partition[index] ?? null
          expect(summary.containsNull).toBe(value === null)
          expect(summary.lowerBound === undefined).toBe(value === null || Number.isNaN(value))
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('damaged bytes give an error or an equal-looking manifest, and never hang', () => {
  const file = fc.sample(filedSpec, { numRuns: 1, seed: 7 })[0]
  if (file === undefined) throw new Error('no sample')
  const { bytes } = renderManifest({
    path: PATH,
    schema: file.schema,
    spec: file.spec,
    snapshotId: 1n,
    sequenceNumber: 1n,
    entries: [
      {
        status: 'added',
        recordCount: file.file.recordCount,
        partition: file.file.partition,
        encoded: encodeDataFile(file.file, file.spec, file.schema),
      },
    ],
  })
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] ?? 0) ^ flip
      try {
        readManifest(damaged, PATH)
      } catch (error) {
        expect(error).toBeInstanceOf(AppError)
      }
    }),
    { numRuns: 500 },
  )
})

test('every 64-bit integer reads back from its varint', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => {
      const writer = new AvroWriter()
      writer.writeLong(value)
      const small = Number(value)
      if (Number.isSafeInteger(small)) writer.writeLong(small)
      const cursor = new AvroCursor(writer.toBytes(), 'x')
      expect(cursor.readLong()).toBe(value)
      if (Number.isSafeInteger(small)) expect(cursor.readLong()).toBe(value)
      expect(cursor.remaining).toBe(0)
    }),
  )
})

test('a schema of any nesting gets distinct ids from 1 on without holes, and reads back from JSON', () => {
  fc.assert(
    fc.property(freshFields, fields => {
      const { schema, lastColumnId } = assignFreshIds(fields)
      const ids = collectIds(schema.fields).toSorted((left, right) => left - right)
      expect(ids).toEqual(Array.from({ length: lastColumnId }, (_, index) => index + 1))
      expect(schemaFromJson(parseExactJson(stringifyExactJson(schemaToJson(schema)), 'x'), 'x')).toEqual(
        schema,
      )
      expect(assignFreshIds(schema.fields)).toEqual({ schema, lastColumnId })
    }),
  )
})
