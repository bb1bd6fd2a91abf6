/** A configuration with one table, and orders for it, as tests of the command line use them. */

export interface OrdersOptions {
  /** Lines that are added to the table. */
  readonly table?: string
  readonly top?: string
  /** What `server:` says; processes of tests share a machine, so none listens unless told. */
  readonly server?: string
}

export function ordersConfig({
  table = '',
  top = '',
  server = '{ listen: none }',
}: OrdersOptions = {}): string {
  return `
warehouse: file:./warehouse
metadata: sqlite:./tidewater.db
sources:
  - { name: local, type: kfs, url: "file:./segments" }
catalogs:
  - { name: local, type: embedded }
server: ${server}
${top}
tables:
  - name: shop.orders
    source: local
    source_topic: orders
    source_format: json
    schema:
      fields:
        - { name: id, type: long, required: true }
        - { name: amount, type: "decimal(12,2)" }
        - { name: at, type: timestamptz }
    partition_by: ["day(at)"]
    catalogs: [local]
${table}
`
}

const order = (id: number) => JSON.stringify({ id, amount: id / 4, at: `2026-01-0${(id % 3) + 1}T10:00:00Z` })

/** Lines of NDJSON, ids from `from` on. */
export const orders = (from: number, count: number): string =>
  `${Array.from({ length: count }, (_, i) => order(from + i)).join('\n')}\n`
