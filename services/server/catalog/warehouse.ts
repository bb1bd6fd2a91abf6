/** Which warehouse a request is about. */
import { refusal, shown } from './catalog-error.ts'

export function knownWarehouse(name: string, catalogs: readonly string[]): string {
  if (catalogs.includes(name)) return name
  throw refusal(
    'no-such-warehouse',
    `There is no warehouse ${shown(name)}. ${warehousesText(catalogs)} Clients learn the prefix of their paths from /v1/config.`,
  )
}

export function warehousesText(catalogs: readonly string[]): string {
  return catalogs.length === 0
    ? 'tidewater.yaml has no catalog of type embedded.'
    : `tidewater.yaml has ${catalogs.join(', ')}.`
}
