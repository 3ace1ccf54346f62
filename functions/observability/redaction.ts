/** A shorter secret, as emulators accept, would redact ordinary words. */
const MIN_LENGTH = 8;

const hidden = new Set<string>();

/** Registers a secret, which `redacted` then replaces, plain or as JSON. */
export function redactSecret(secret: string): void {
  if (secret.length >= MIN_LENGTH) hidden.add(secret).add(JSON.stringify(secret).slice(1, -1));
}

/** Replaces all registered secrets in a text that others wrote. */
export function redacted(text: string): string {
  return [...hidden].reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text);
}
