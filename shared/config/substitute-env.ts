/**
 * `${NAME}` in values of tidewater.yaml: the only substitution there is. `$${` stands for `${` itself.
 *
 * Where the variable NAME is not set and NAME_FILE is, the value is what the file of that path holds, as Docker and Kubernetes hand out
 * secrets and as the images of most databases take them.
 */
import { readFileSync } from 'node:fs'

export interface Substitution {
  readonly text: string
  /** Variables that were put in, with their values. */
  readonly used: readonly { readonly name: string; readonly value: string }[]
  readonly problems: readonly { readonly message: string; readonly suggestion: string }[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** Longer than any secret or address; what is longer is the wrong file. */
const MAX_FILE_CHARS = 64 * 1024
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g

export function substituteEnv(text: string, env: Environment): Substitution {
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
    const found = variableValue(name, env)
    if (typeof found !== 'string') {
      problems.push(found)
      return whole
    }
    used.push({ name, value: found })
    return found
  })
  return { text: result, used, problems }
}

type Problem = Substitution['problems'][number]

function variableValue(name: string, env: Environment): string | Problem {
  const variable = (of: string) => (Object.hasOwn(env, of) ? env[of] : undefined)
  const [value, path] = [variable(name), variable(`${name}_FILE`)]
  if (value !== undefined && path !== undefined) {
    return {
      message: `the environment variables ${name} and ${name}_FILE are both set`,
      suggestion: 'Set one of them, so that it is clear which counts.',
    }
  }
  if (path !== undefined) return contentOf(`${name}_FILE`, path)
  if (value !== undefined) return value
  return {
    message: `the environment variable ${name} is not set`,
    suggestion: `Set ${name}, or ${name}_FILE to the path of a file that holds the value, before starting Tidewater; or write $\${${name}} for the text itself.`,
  }
}

/** Without the line breaks at its end, which editors and `echo` leave there. */
function contentOf(variable: string, path: string): string | Problem {
  try {
    const text = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '')
    if (text !== '' && text.length <= MAX_FILE_CHARS && !text.includes('\0')) return text
    return {
      message: `the file ${path}, which ${variable} names, ${text === '' ? 'is empty' : 'holds no text of at most 64 KiB'}`,
      suggestion: `Name the file with the value in ${variable}.`,
    }
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    return {
      message: `the file ${path}, which ${variable} names, cannot be read (${reason})`,
      suggestion: 'Check the path, and that the user that Tidewater runs as may read it.',
    }
  }
}
