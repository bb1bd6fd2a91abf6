/** Carries out the weather. Every sequence ends in calm: what was frozen goes on, and what was down is up again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { unreachable } from '../../shared/runtime/errors.ts'
import type { Fleet } from './fleet.ts'
import type { Servers } from './servers.ts'
import { FAULTS } from './spells.ts'
import { describeStrike, type Strike, type Weather } from './weather.ts'

export interface Struck {
  readonly fleet: Fleet
  readonly servers: Servers
  readonly seed: number
  readonly print: (line: string) => void
}

/** Until every strike is done, or `signal` ends the weather early. */
export async function blow(weather: Weather, struck: Struck, signal: AbortSignal): Promise<void> {
  const follow = async (sequence: readonly Strike[]) => {
    for (const strike of sequence) {
      // A process that is only ever struck while it starts shows little, and on a busy machine a start takes its time.
      if ('process' in strike) await struck.fleet.untilUp(strike.process, signal)
      await pause(strike.afterMs, signal)
      if (signal.aborted) return
      struck.print(describeStrike(strike))
      await carryOut(strike, struck, signal)
    }
  }
  await Promise.all(weather.sequences.map(follow))
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

async function carryOut(strike: Strike, struck: Struck, signal: AbortSignal): Promise<void> {
  const { fleet, servers, seed } = struck
  const { postgres, redis, proxy } = servers
  switch (strike.kind) {
    case 'kill':
      return await fleet.kill(strike.process, strike.downMs)
    case 'kill-starting':
      await fleet.kill(strike.process, 0)
      await pause(strike.startingMs, signal)
      return await fleet.kill(strike.process, 0)
    case 'terminate':
      return await fleet.terminate(strike.process, strike.downMs)
    case 'freeze':
      return await fleet.freeze(strike.process, strike.forMs, signal)
    case 'redis-flush':
      return await servers.flushRedis()
    case 'redis-restart':
      await redis.kill()
      await pause(strike.downMs, signal)
      return await redis.start()
    case 'redis-freeze':
      redis.freeze()
      await pause(strike.forMs, signal)
      return redis.thaw()
    case 'postgres-restart':
      await postgres.stop(strike.how)
      await pause(strike.downMs, signal)
      return await postgres.start()
    case 'postgres-crash-backend':
      return await postgres.crashBackend()
    case 'postgres-disconnect':
      await postgres.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null',
      )
      return
    case 's3':
      proxy.rain({ seed: seed + strike.afterMs, ...FAULTS[strike.spell] })
      await pause(strike.forMs, signal)
      return proxy.calm()
    default:
      return unreachable(strike)
  }
}
