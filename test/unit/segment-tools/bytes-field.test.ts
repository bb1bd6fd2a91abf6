import { describe, expect, test } from 'vitest'
import { bytesField } from '../../../services/segment-tools/bytes-field.ts'

describe('bytesField', () => {
  test.each([
    ['UTF-8 is text', Buffer.from('naïve'), { value: 'naïve' }],
    ['a byte order mark stays', Buffer.from('\uFEFFx'), { value: '\uFEFFx' }],
    ['empty is empty text', Buffer.alloc(0), { value: '' }],
    ['other bytes are base64 under another name', Buffer.from([0xff, 0x00]), { value_base64: '/wA=' }],
    ['null is null', null, { value: null }],
  ])('%s', (_what, bytes, expected) => {
    expect(bytesField('value', bytes)).toEqual(expected)
  })
})
