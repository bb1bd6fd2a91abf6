/** `${NAME}` in values of tidewater.yaml: the only substitution there is. `$${` stands for `${` itself. */

export interface Substitution {
  readonly text: string
  /** Variables that were put in, with their values. */
  readonly used: readonly { readonly name: string; readonly value: string }[]
  readonly problems: readonly { readonly message: string; readonly suggestion: string }[]
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g

export function substituteEnv(text: string, env: Readonly<Record<string, string | undefined>>): Substitution {
  const used: { name: string; value: string }[] = []
  const problems: { message: string; suggestion: string }[] = []
  const result = text.replace(REFERENCE, (whole: string, name: string | undefined, end: string) => {
    if (name === undefined) return '${'
    if (end === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      problems.push({
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the message shows what to write
        message: '`${` is not followed by the name of a variable and `}`',
        suggestion:
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the message shows what to write
          'Write ${NAME} with letters, digits and underscores; defaults such as ${NAME:-x} do not exist. For the characters themselves write $${.',
      })
      return whole
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value === undefined) {
      problems.push({
        message: `the environment variable ${name} is not set`,
        suggestion: `Set ${name} before starting Tidewater, or write $\${${name}} for the text itself.`,
      })
      return whole
    }
    used.push({ name, value })
    return value
  })
  return { text: result, used, problems }
}
