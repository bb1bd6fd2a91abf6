/** Cuts text at the semicolons that end statements: not at those in quotes or comments. */

export interface SplitText {
  /** Whole statements, trimmed, without their semicolon; empty ones are left out. */
  readonly statements: readonly string[]
  /** What comes after the last semicolon, as it is: a statement that is not finished, or nothing but white space and comments. */
  readonly rest: string
}

/** What hides a semicolon, each up to its end or to the end of the text; a dollar quote ends with its own tag. */
const TOKEN =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\$(?<tag>[A-Za-z_]*)\$[\s\S]*?(?:\$\k<tag>\$|$)|;/g

export function splitStatements(text: string): SplitText {
  const statements: string[] = []
  let start = 0
  for (const token of text.matchAll(TOKEN)) {
    if (token[0] !== ';') continue
    const statement = text.slice(start, token.index).trim()
    if (!isBlank(statement)) statements.push(statement)
    start = token.index + 1
  }
  return { statements, rest: text.slice(start) }
}

/** Nothing but white space and comments. */
export function isBlank(text: string): boolean {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, '').trim() === ''
}
