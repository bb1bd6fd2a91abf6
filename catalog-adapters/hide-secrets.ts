/** Takes secrets out of what servers say: some repeat what they were sent, headers and forms as they came. */

export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets.flatMap(formsOf).reduce((clean, form) => clean.replaceAll(form, '[secret]'), text)
}

/** As it is, in a URL, in a form, and in JSON. */
function formsOf(secret: string): readonly string[] {
  if (secret === '') return []
  const inForm = new URLSearchParams({ s: secret }).toString().slice('s='.length)
  return [secret, encodeURIComponent(secret), inForm, JSON.stringify(secret).slice(1, -1)]
}
