import { describe, expect, test } from 'vitest'
import { AvroCursor, AvroWriter, readAvroValue } from '../../../shared/iceberg/avro-binary.ts'
import { readAvroFile, writeAvroFile } from '../../../shared/iceberg/avro-container.ts'
import {
  type AvroRecord,
  avroName,
  parseAvroSchema,
  requiredField,
} from '../../../shared/iceberg/avro-schema.ts'

const PAIR: AvroRecord = {
  type: 'record',
  name: 'pair',
  fields: [requiredField('id', 7, 'long'), requiredField('name', 9, 'string')],
}
const FILE = { path: 's3://lake/t/metadata/x.avro', schema: PAIR, metadata: { content: 'data' } }
const write = (rows: readonly [bigint, string][], path = FILE.path) =>
  writeAvroFile({ ...FILE, path }, rows, ([id, name], writer) => {
    writer.writeLong(id)
    writer.writeString(name)
  })

const written = (act: (writer: AvroWriter) => void) => {
  const writer = new AvroWriter()
  act(writer)
  return writer.toBytes()
}

describe('binary encoding', () => {
  test.each<[bigint, number[]]>([
    [0n, [0]],
    [-1n, [1]],
    [1n, [2]],
    [-64n, [0x7f]],
    [64n, [0x80, 0x01]],
    [2n ** 63n - 1n, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    [-(2n ** 63n), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ])('%s is zigzag and seven bits a byte', (value, bytes) => {
    expect([...written(writer => writer.writeLong(value))]).toEqual(bytes)
    expect(new AvroCursor(Uint8Array.from(bytes), 'x').readLong()).toBe(value)
  })

  test('an integer of more than 64 bits is refused when written and when read', () => {
    expect(() => written(writer => writer.writeLong(2n ** 63n))).toThrow(/fits an Avro long/)
    const tooLong = new Uint8Array(11).fill(0xff)
    expect(() => new AvroCursor(tooLong, 'x').readLong()).toThrow(/more than 64 bits/)
  })

  test('a length beyond the end is refused before anything is allocated', () => {
    const huge = written(writer => writer.writeLong(2n ** 40n))
    expect(() => new AvroCursor(huge, 'm.avro').readBytes()).toThrow(/m\.avro: at byte 0.*1099511627776/)
  })

  test('items that take no bytes are bounded by number', () => {
    const million = written(writer => {
      writer.writeLong(2n ** 40n)
      writer.writeLong(0)
    })
    expect(() => readAvroValue({ type: 'array', items: 'null' }, new AvroCursor(million, 'x'))).toThrow(
      /an array of/,
    )
  })

  test('a negative block count carries a size and reads the same', () => {
    const bytes = written(writer => {
      writer.writeLong(-2)
      writer.writeLong(2)
      writer.writeLong(5)
      writer.writeLong(6)
      writer.writeLong(0)
    })
    expect(readAvroValue({ type: 'array', items: 'int' }, new AvroCursor(bytes, 'x'))).toEqual([5, 6])
  })

  test('a string that is not UTF-8 and a boolean of 2 are refused', () => {
    expect(() => new AvroCursor(Uint8Array.of(2, 0xff), 'x').readString()).toThrow(/not UTF-8/)
    expect(() => new AvroCursor(Uint8Array.of(2), 'x').readBoolean()).toThrow(/boolean of value 2/)
  })
})

describe('container files', () => {
  const rows: [bigint, string][] = [
    [1n, 'eins'],
    [2n ** 62n, '🧊'],
  ]

  test('records come back keyed by field id, the header with its entries', () => {
    const { metadata, records } = readAvroFile(write(rows), FILE.path)
    expect(records).toEqual([
      new Map<number, unknown>([
        [7, 1n],
        [9, 'eins'],
      ]),
      new Map<number, unknown>([
        [7, 2n ** 62n],
        [9, '🧊'],
      ]),
    ])
    expect(metadata.get('content')).toBe('data')
    expect(JSON.parse(metadata.get('avro.schema') ?? '')).toEqual(PAIR)
  })

  test('no records is a file without blocks', () => {
    expect(readAvroFile(write([]), FILE.path).records).toEqual([])
  })

  test('many records span blocks', () => {
    const many = Array.from({ length: 30_000 }, (_, i): [bigint, string] => [BigInt(i), `row number ${i}`])
    expect(readAvroFile(write(many), FILE.path).records).toHaveLength(30_000)
  })

  test('equal records under equal paths are equal bytes; the sync marker follows the path', () => {
    expect(write(rows)).toEqual(write(rows))
    expect(write(rows, 's3://lake/t/metadata/y.avro')).not.toEqual(write(rows))
  })

  test('every truncation is an error, never other records', () => {
    const bytes = write(rows)
    for (let length = 0; length < bytes.length; length++) {
      // A file cut exactly after its header is a file without records.
      let records: unknown
      try {
        records = readAvroFile(bytes.subarray(0, length), 'x').records
      } catch (error) {
        expect(error).toMatchObject({ code: 'iceberg-malformed' })
        continue
      }
      expect(records).toEqual([])
    }
  })

  test('a damaged sync marker, a foreign codec and other bytes are told apart', () => {
    const damaged = write(rows)
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    expect(() => readAvroFile(damaged, 'x')).toThrow(/sync marker/)
    const codec = Buffer.from(write(rows)).toString('latin1').replace('deflate', 'snapppy')
    expect(() => readAvroFile(Buffer.from(codec, 'latin1'), 'x')).toThrow(/codec "snapppy"/)
    expect(() => readAvroFile(Buffer.from('PAR1....'), 'x')).toThrow(/expected an Avro container/)
  })
})

describe('schemas', () => {
  test('trap: a field without field-id is refused', () => {
    const json = { type: 'record', name: 'r', fields: [{ name: 'a', type: 'int' }] }
    expect(() => parseAvroSchema(json, 'm.avro')).toThrow(/"a" without the "field-id"/)
  })

  test('references to named types are resolved, unknown ones refused', () => {
    const fixed = { type: 'fixed', name: 'u', size: 16 }
    const fields = [
      { name: 'a', 'field-id': 1, type: fixed },
      { name: 'b', 'field-id': 2, type: ['null', 'u'] },
    ]
    expect(parseAvroSchema({ type: 'record', name: 'r', fields }, 'x')).toMatchObject({
      fields: [{ type: fixed }, { type: ['null', fixed] }],
    })
    expect(() => parseAvroSchema('v', 'x')).toThrow(/"v" that is not defined/)
  })

  test('names that Avro does not allow are escaped the way of the Java library', () => {
    expect(['a_1', 'customer.country', '1st', 'ü', 'a b-c'].map(avroName)).toEqual([
      'a_1',
      'customer_x2Ecountry',
      '_1st',
      '_xFC',
      'a_x20b_x2Dc',
    ])
  })
})
