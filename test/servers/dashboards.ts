/** The expressions of what `deploy/` ships for Prometheus and Grafana, for tests that hold them against what is really exported. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

export const ALERTS_PATH = fileURLToPath(new URL('../../deploy/prometheus/alerts.yaml', import.meta.url))
const DASHBOARD_PATH = new URL('../../deploy/grafana/tidewater.json', import.meta.url)

export interface ShippedExpression {
  /** The panel or the alert. */
  readonly where: string
  readonly expression: string
  /** Labels that its legend or its texts name. */
  readonly shownLabels: readonly string[]
}

const panel = z.object({
  title: z.string(),
  type: z.string(),
  datasource: z.object({ uid: z.string() }).optional(),
  gridPos: z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
  targets: z.array(z.object({ expr: z.string(), legendFormat: z.string() })).optional(),
})
const dashboard = z.object({
  uid: z.string(),
  panels: z.array(panel),
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string() })) }),
})
const rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.object({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
})

export function readDashboard() {
  return dashboard.parse(JSON.parse(readFileSync(DASHBOARD_PATH, 'utf8')))
}

export function dashboardExpressions(): readonly ShippedExpression[] {
  return readDashboard().panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: title,
      expression: expr,
      shownLabels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label ?? ''),
    })),
  )
}

export function alertExpressions(): readonly ShippedExpression[] {
  const { groups } = rules.parse(parse(readFileSync(ALERTS_PATH, 'utf8')))
  return groups.flatMap(group =>
    group.rules.map(({ alert, expr, annotations }) => ({
      where: alert,
      expression: expr,
      shownLabels: [...`${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g)].map(
        ([, label]) => label ?? '',
      ),
    })),
  )
}
