/**
 * The operations of the specification that would change something, and the one that gives out tokens: each says why not, and what to do.
 *
 * Writes answer 403 Forbidden. The specification lists it for every one of them (406, "unsupported", for a few), no client tries it again,
 * no client takes it for a commit whose outcome is unknown, and all show the message. The refusal comes before the body is read.
 */
import type { FastifyInstance, HTTPMethods } from 'fastify'
import { refusal } from './catalog-error.ts'

const NAMESPACE = '/v1/:warehouse/namespaces/:namespace'
const WRITES: readonly (readonly [HTTPMethods, string])[] = [
  ['POST', '/v1/:warehouse/namespaces'],
  ['DELETE', NAMESPACE],
  ['POST', `${NAMESPACE}/properties`],
  ['POST', `${NAMESPACE}/tables`],
  ['POST', `${NAMESPACE}/register`],
  ['POST', `${NAMESPACE}/tables/:table`],
  ['DELETE', `${NAMESPACE}/tables/:table`],
  ['POST', '/v1/:warehouse/tables/rename'],
  ['POST', '/v1/:warehouse/transactions/commit'],
  ['POST', `${NAMESPACE}/views`],
  ['POST', `${NAMESPACE}/views/:view`],
  ['DELETE', `${NAMESPACE}/views/:view`],
  ['POST', '/v1/:warehouse/views/rename'],
  ['POST', `${NAMESPACE}/register-view`],
]

export function registerRefusals(app: FastifyInstance): void {
  for (const [method, url] of WRITES) app.route({ method, url, onRequest: refuseWrite, handler: refuseWrite })
  app.route({
    method: 'POST',
    url: '/v1/oauth/tokens',
    // In OAuth's own model of an error, which the specification asks for here.
    onRequest: async (_request, reply) =>
      reply.status(400).send({
        error: 'unsupported_grant_type',
        error_description:
          'Tidewater gives out no tokens. Put the token of server.token in tidewater.yaml into the client’s setting `token`, and leave `credential` out.',
      }),
    handler: refuseWrite,
  })
}

async function refuseWrite(): Promise<never> {
  throw refusal(
    'catalog-read-only',
    'Tidewater keeps these tables itself: clients read them here and cannot change them. Tables are declared in tidewater.yaml, their rows come from the topics named there. Nothing was changed.',
  )
}
