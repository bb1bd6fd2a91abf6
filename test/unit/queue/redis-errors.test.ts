import { expect, test } from 'vitest'
import { parseRedisUrl } from '../../../shared/queue/redis-address.ts'
import { redisError, redisOpeningError } from '../../../shared/queue/redis-errors.ts'

const CLOSED = new Error('Connection is closed.')

function addressOf(url: string) {
  const parsed = parseRedisUrl(url)
  if (!parsed.ok) throw new Error(parsed.expected)
  return parsed.value
}

test.each([
  ['redis://cache', 'If the port speaks TLS, write rediss:// instead'],
  ['rediss://cache', 'If the server wants a certificate of its clients'],
])('a connection to %s that ends while it is opened may be the wrong kind of port', (url, hint) => {
  expect(redisOpeningError(addressOf(url), CLOSED)).toMatchObject({
    code: 'queue-unreachable',
    next: 'retry',
  })
  expect(redisOpeningError(addressOf(url), CLOSED).message).toContain(hint)
})

test.each(['redis://cache', 'rediss://cache'])(
  'one to %s that has held and ends is an outage, no wrong setting',
  url => {
    const { message } = redisError('Taking a task id from the queue', addressOf(url), CLOSED)
    expect(message).toMatch(
      /^Taking a task id from the queue at .* failed: Connection is closed\. Nothing is lost:/,
    )
  },
)
