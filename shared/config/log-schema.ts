/** The `log:` part of tidewater.yaml: how `tidewater run` writes what it does. */
import { z } from 'zod'
import { word } from './schema-values.ts'

export const LOG_FORMATS = ['text', 'json'] as const
/** The most important first; a level shows those before it too. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const

export const logSchema = z.strictObject({
  format: word(
    LOG_FORMATS,
    'text: a plain line each, for people; json: a JSON object a line, for collectors of logs.',
  ).prefault('text'),
  level: word(LOG_LEVELS, 'The least important lines that are written.').prefault('info'),
})
