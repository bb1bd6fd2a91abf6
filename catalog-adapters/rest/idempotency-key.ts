/** Keys under which a change may be sent again (specification, `Idempotency-Key`): UUIDs of version 7 (RFC 9562, section 5.7). */
import type { Runtime } from '../../shared/runtime/runtime.ts'

export function idempotencyKey({ nowMs, uuid }: Pick<Runtime, 'nowMs' | 'uuid'>): string {
  const time = Math.trunc(nowMs()).toString(16).padStart(12, '0')
  const [, , third = '', variant = '', last = ''] = uuid().split('-')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${third.slice(1)}-${variant}-${last}`
}
