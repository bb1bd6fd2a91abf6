/** The Helm chart as Helm, kubeconform and its own values schema judge it, and what of it tests can say that schemas cannot. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { ALERTS_PATH } from '../../servers/dashboards.ts'
import { CHART, CONFIG, deploymentsOf, FULL_VALUES, helm, type Resource, render, rendered } from './chart.ts'
import { ROOT } from './composition.ts'
import { installKubeconform, installKubernetesSchemas, KUBERNETES_VERSIONS } from './install.ts'

const FULL = ['--values', FULL_VALUES]
const HPA = ['--set', 'autoscaling.kind=hpa']
const labels = z.record(z.string(), z.string())
const VARIANTS = [
  { name: 'with its defaults', settings: [] },
  { name: 'with everything', settings: FULL },
  { name: 'with an HPA', settings: [...FULL, ...HPA] },
  { name: 'for a release that is not additive', settings: ['--set', 'updateStrategy=Recreate'] },
]

describe.each(VARIANTS)('the chart $name', ({ settings }) => {
  it('is accepted by helm lint', async () => {
    const { exitCode, complaints, output } = await helm(
      ...['lint', CHART, '--strict', '--kube-version', KUBERNETES_VERSIONS[0]],
      ...['--set-file', `config=${CONFIG}`, ...settings],
    )
    expect(exitCode, output + complaints).toBe(0)
  })

  it.each(KUBERNETES_VERSIONS)('renders what Kubernetes %s takes', async version => {
    const { output } = await render('--set-file', `config=${CONFIG}`, ...settings)
    const judged = await conform(output, version)
    expect(judged.stdout).toMatch(/Summary: \d+ resources.* Invalid: 0, Errors: 0, Skipped: 0/)
    expect(judged.status).toBe(0)
  })
})

async function conform(manifests: string, version: string) {
  const schemas = join(await installKubernetesSchemas(), version, '{{.ResourceKind}}{{.KindSuffix}}.json')
  const args = ['-strict', '-summary', '-kubernetes-version', version, '-schema-location', schemas, '-']
  return spawnSync(await installKubeconform(), args, { input: manifests, encoding: 'utf8' })
}

it('kubeconform refuses a member that Kubernetes does not know, in its own kinds and in those of KEDA', async () => {
  const { output } = await render('--set-file', `config=${CONFIG}`, ...FULL)
  for (const [right, wrong] of [
    ['readinessProbe:', 'readynessProbe:'],
    ['pollingInterval:', 'pollInterval:'],
  ] as const) {
    expect(output).toContain(right)
    const judged = await conform(output.replace(right, wrong), KUBERNETES_VERSIONS[0])
    expect(judged.stdout).toContain(wrong.slice(0, -1))
    expect(judged.status).not.toBe(0)
  }
})

describe('values', () => {
  it.each([
    ['deployments.convert.replicas=many', 'replicas'],
    ['autoscaling.kind=magic', 'autoscaling'],
    ['deployments.plan.stages={plan}', 'discover and plan go together'],
    ['deployments.publish.stages={convert}', 'no deployment runs the stage publish'],
    ['imagee.tag=1', 'imagee'],
  ])('%s is refused', async (setting, says) => {
    const { exitCode, complaints } = await render('--set-file', `config=${CONFIG}`, '--set', setting)
    expect(exitCode).not.toBe(0)
    expect(complaints).toContain(says)
  })

  it('with a server that probes would not find are refused', async () => {
    const { exitCode, complaints } = await render('--set', 'config=warehouse: x')
    expect(exitCode).not.toBe(0)
    expect(complaints).toContain('0.0.0.0:8181')
  })

  it('without a configuration are refused', async () => {
    const { exitCode, complaints } = await render()
    expect(exitCode).not.toBe(0)
    expect(complaints).toContain('tidewater.yaml')
  })
})

describe('with TLS', () => {
  const config = (server: string) =>
    `config=${JSON.stringify(`# tls: comes later\nserver: { listen: "0.0.0.0:8181"${server} }`)}`
  const withTls = config(', tls: { cert_file: a, key_file: b }')

  it('everything that asks a pod asks over HTTPS, in words that Kubernetes takes', async () => {
    const { output, complaints } = await render('--set-json', withTls, ...FULL, '--set', 'tls=true')
    expect(output.match(/path: \/(healthz|readyz), port: http, scheme: HTTPS/g), complaints).toHaveLength(15)
    expect(output).not.toContain('scheme: HTTP ')
    expect(output).toMatch(/url: https:\/\/lake-tidewater.*\n +unsafeSsl: "true"/)
    expect(output).toMatch(/scheme: https\n +tlsConfig:\n +insecureSkipVerify: true/)
    const judged = await conform(output, KUBERNETES_VERSIONS[0])
    expect(judged.stdout).toMatch(/Summary: \d+ resources.* Invalid: 0, Errors: 0, Skipped: 0/)
  })

  it('in the configuration or the values alone is refused', async () => {
    for (const settings of [[withTls], [config(''), '--set', 'tls=true']]) {
      const { exitCode, complaints } = await render('--set-json', ...settings)
      expect([exitCode === 0, complaints]).toEqual([false, expect.stringContaining('server.tls in config')])
    }
    expect((await render('--set-json', config(''))).exitCode).toBe(0)
  })
})

describe('what is rendered', () => {
  let full: readonly Resource[]
  beforeAll(async () => {
    full = await rendered(...FULL)
  })
  const one = (kind: string, name?: string) =>
    full.find(
      resource => resource.kind === kind && (name ?? resource.metadata.name) === resource.metadata.name,
    )

  it('runs no container as root, with capabilities, or with a root file system that can be written', () => {
    const deployments = deploymentsOf(full)
    expect(deployments).toHaveLength(5)
    for (const { spec } of deployments) {
      const pod = spec.template.spec
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 10001,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      expect(pod.containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      expect(pod).toMatchObject({ automountServiceAccountToken: false, terminationGracePeriodSeconds: 60 })
    }
    expect(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).toContain('USER 10001:10001')
  })

  it('takes secrets from Secret objects, as variables and as files, and writes none itself', () => {
    const [{ spec } = { spec: undefined }] = deploymentsOf(full)
    expect(spec?.template.spec.containers[0].env).toContainEqual({
      name: 'POSTGRES_PASSWORD',
      valueFrom: { secretKeyRef: { name: 'tidewater-db', key: 'password' } },
    })
    expect(spec?.template.spec.containers[0].volumeMounts.map(({ mountPath }) => mountPath)).toContain(
      '/etc/tidewater/secrets/tidewater-tls',
    )
    expect(one('Secret')).toBeUndefined()
  })

  it('gives every pod the role of its service account, also of one that is there already', async () => {
    expect(one('ServiceAccount')?.metadata).toMatchObject({
      name: 'lake-tidewater',
      annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/tidewater' },
    })
    const other = await rendered('--set', 'serviceAccount.create=false,serviceAccount.name=theirs')
    expect(other.filter(({ kind }) => kind === 'ServiceAccount')).toEqual([])
    for (const [resources, name] of [
      [full, 'lake-tidewater'],
      [other, 'theirs'],
    ] as const)
      for (const { spec } of deploymentsOf(resources)) {
        expect(spec.template.spec).toMatchObject({
          serviceAccountName: name,
          // Without it only root could read the token of the role.
          securityContext: { fsGroup: 10001 },
        })
      }
  })

  it('leaves the number of workers to what scales them', async () => {
    const convert = (resources: readonly Resource[]) =>
      deploymentsOf(resources).find(({ metadata }) => metadata.name.endsWith('-convert'))?.spec.replicas
    expect(convert(full)).toBeUndefined()
    expect(convert(await rendered())).toBe(2)
    expect(one('ScaledObject')).toMatchObject({
      spec: { scaleTargetRef: { name: one('Deployment', 'lake-tidewater-convert')?.metadata.name } },
    })
  })

  it('leads to the pods that serve, also where they do other work too', async () => {
    const together = ['plan', 'discover', 'publish', 'maintain', 'serve'].map(stage => `"${stage}"`).join()
    const few = await rendered(
      ...['--set-json', `deployments.plan.stages=[${together}]`],
      ...['publish', 'maintain', 'serve'].flatMap(name => ['--set', `deployments.${name}=null`]),
    )
    for (const resources of [full, few]) {
      const [service] = resources.filter(({ kind }) => kind === 'Service')
      const { selector } = z.object({ spec: z.object({ selector: labels }) }).parse(service).spec
      const chosen = deploymentsOf(resources).filter(({ spec }) =>
        Object.entries(selector).every(([key, value]) => spec.template.metadata.labels[key] === value),
      )
      expect(chosen.map(({ metadata }) => metadata.name)).toEqual([
        resources === full ? 'lake-tidewater-serve' : 'lake-tidewater-plan',
      ])
    }
  })

  it('has a budget for disruptions for each deployment', () => {
    expect(
      full.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ metadata }) => metadata.name),
    ).toEqual(deploymentsOf(full).map(({ metadata }) => metadata.name))
  })

  it('replaces pods one by one, or all at once where the release asks for it', async () => {
    for (const { spec } of deploymentsOf(full)) expect(spec.strategy.type).toBe('RollingUpdate')
    for (const { spec } of deploymentsOf(await rendered('--set', 'updateStrategy=Recreate')))
      expect(spec.strategy).toEqual({ type: 'Recreate' })
  })

  it('carries the alert rules and the dashboard that deploy/ ships', () => {
    expect(one('PrometheusRule')).toMatchObject({ spec: parse(readFileSync(ALERTS_PATH, 'utf8')) })
    const dashboard = readFileSync(join(ROOT, 'deploy/grafana/tidewater.json'), 'utf8')
    expect(one('ConfigMap', 'lake-tidewater-dashboard')).toMatchObject({
      data: { 'tidewater.json': dashboard },
    })
  })
})
