import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withConfig } from '../load-config-file.ts'
import { print } from '../terminal.ts'

export async function validate(options: ConfigOption): Promise<ExitCode> {
  return await withConfig(options, async config => {
    const tables = config.tables.map(table => table.name).join(', ')
    print(
      `${options.config} is right: ${config.tables.length} ${config.tables.length === 1 ? 'table' : 'tables'} (${tables})`,
    )
    return EXIT.done
  })
}
