import type { TablePattern } from '../../../shared/config/config.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withConfig } from '../load-config-file.ts'
import { print } from '../terminal.ts'
import { counted } from '../units.ts'

export async function validate(options: ConfigOption): Promise<ExitCode> {
  return await withConfig(options, async config => {
    const { tables, patterns } = config
    const parts = [
      ...(tables.length > 0
        ? [
            listed(
              tables.map(({ name }) => name),
              'table',
            ),
          ]
        : []),
      ...(patterns.length > 0 ? [listed(patterns.map(patternText), 'pattern')] : []),
    ]
    print(`${options.config} is right: ${parts.join(', ')}`)
    return EXIT.done
  })
}

function listed(names: readonly string[], what: string): string {
  return `${counted(names.length, what)} (${names.join(', ')})`
}

function patternText({ name, source, topics }: TablePattern): string {
  return `${name} of ${topics.join(' and ')} in ${source}`
}
