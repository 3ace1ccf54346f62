/** A shorter one, as emulators are given, would take words out of every message. */
const MIN_LENGTH = 8;

const hidden = new Set<string>();

/** From now on this secret is shown nowhere, whoever quotes it, as it is or in JSON. */
export function redactSecret(secret: string): void {
  if (secret.length >= MIN_LENGTH) hidden.add(secret).add(JSON.stringify(secret).slice(1, -1));
}

/** A text of somebody else's, without our secrets. */
export function redacted(text: string): string {
  return [...hidden].reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text);
}
