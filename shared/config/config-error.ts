/** One mistake in tidewater.yaml, as people read it. No text of it ever repeats a value that came from the environment. */
export interface ConfigError {
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** For example `tables[0].schema.fields[2].type`; '' for the whole file. */
  readonly path: string
  readonly message: string
  readonly suggestion?: string
}

/** Keys and list positions from the top of the file. */
export type ConfigPath = readonly (string | number)[]

/** A mistake that has not been located in the text yet. */
export interface ConfigIssue {
  readonly path: ConfigPath
  readonly message: string
  readonly suggestion?: string
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean
}

export function pathText(path: ConfigPath): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('')
}

/** One line per error and one per suggestion: `tidewater.yaml:12:5  tables[0].source: …`. */
export function formatConfigErrors(fileName: string, errors: readonly ConfigError[]): string {
  return errors
    .map(error => {
      const where = `${fileName}:${error.line}:${error.column}`
      const what = error.path === '' ? error.message : `${error.path}: ${error.message}`
      return error.suggestion === undefined
        ? `${where}  ${what}`
        : `${where}  ${what}\n    ${error.suggestion}`
    })
    .join('\n')
}
