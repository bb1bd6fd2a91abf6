import { beforeEach, expect, it } from 'vitest'
import { type ConversionMeter, createConversionMeter } from '../../../services/scaling/conversion-meter.ts'
import { createSteppedRuntime, type SteppedRuntime } from '../../fakes/stepped-runtime.ts'

let runtime: SteppedRuntime
let meter: ConversionMeter
beforeEach(() => {
  runtime = createSteppedRuntime(1)
  meter = createConversionMeter(runtime, 2)
})

const convert = () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = meter.during(() => promise)
  return async () => {
    resolve()
    await done
  }
}
/** A minute and more in small steps, as heartbeats and scrapes come. */
const pass = (ms: number) => {
  for (let left = ms; left > 0; left -= 1000) {
    runtime.advance(Math.min(1000, left))
    meter.utilisation()
  }
}

it('tells the share of the last minute that conversions were busy, those under way too', async () => {
  expect(meter.utilisation()).toBe(0)
  const end = convert()
  pass(120_000)
  expect(meter.utilisation()).toBeCloseTo(0.5, 5)
  const endOther = convert()
  pass(30_000)
  expect(meter.utilisation()).toBeCloseTo(0.75, 1)
  pass(60_000)
  expect(meter.utilisation()).toBeCloseTo(1, 5)
  await end()
  await endOther()
  pass(90_000)
  expect(meter.utilisation()).toBe(0)
})

it('tells what all conversions do in a second when busy, whatever the quiet between, and forgets slowly', async () => {
  expect(meter.bytesPerSecond()).toBeUndefined()
  for (let i = 0; i < 5; i++) {
    const end = convert()
    pass(10_000)
    await end()
    meter.add(1_000_000)
    pass(500_000)
  }
  expect(meter.bytesPerSecond()).toBeCloseTo(200_000, 0)
  for (let i = 0; i < 600; i++) {
    const end = convert()
    pass(10_000)
    await end()
    meter.add(2_000_000)
  }
  expect(meter.bytesPerSecond()).toBeGreaterThan(395_000)
})
