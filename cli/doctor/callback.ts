import { serviceNameOf } from '../../functions/config/functionNames.ts';
import { type Webhook, Webhooks } from '../webhooks/administration.ts';
import { canVerify } from '../webhooks/ownership.ts';
import { type Check, ok, type CheckOutcome, problem, unchecked } from './finding.ts';
import type { DoctorSettings } from './settings.ts';
import { sendUnsigned } from './unsignedRequest.ts';
import { connectGemini } from '../../functions/gemini/client.ts';
import { isJsonObject, objectsIn } from '../../functions/model/json.ts';
import { importKey } from '../../functions/callback/publicKey.ts';
import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import type { SecretSource } from '../../functions/config/environment.ts';

const REQUEST_MILLIS = 10_000;
const STORED_SECRET = 'the stored value: $(gcloud secrets versions access latest --secret=webhook-signing-secret)';

/** Checks of everything between Gemini and the function. */
export function callbackChecks(settings: DoctorSettings, command: (words: string) => string): readonly Check[] {
  return [
    { name: 'callback URL', run: async () => [await publicCallback(settings)] },
    { name: 'secrets', run: async () => await secrets(settings) },
    { name: 'public keys', run: async () => [await publicKeys(settings)] },
    { name: 'webhook', run: async () => await registration(settings, command) },
    { name: 'clock', run: async () => [await clock(settings)] },
  ];
}

async function publicCallback({ callbackUrl, projectId, region, prefix }: DoctorSettings): Promise<CheckOutcome> {
  const service = [prefix, serviceNameOf('geminiCallback')].filter(Boolean).join('-');
  const place = `--region=${region}${projectId === undefined ? '' : ` --project=${projectId}`}`;
  const { status, reason } = await sendUnsigned(callbackUrl);
  if (reason === 'MISSING_HEADER') return ok(`${callbackUrl.href} is public and refuses unsigned requests`);
  if (status === 401 || status === 403) {
    return problem(
      `${callbackUrl.href} answers ${status}: it admits only callers with a Google account, and Gemini has none`,
      `gcloud run services update ${service} ${place} --no-invoker-iam-check`,
    );
  }
  return problem(
    `${callbackUrl.href} answers ${status}, and is not geminiCallback`,
    `set CALLBACK_URL to the URL that this prints: gcloud run services describe ${service} ${place} --format="value(status.url)"`,
  );
}

/** Secrets that are not known here may be known to the function: their absence is no problem. */
async function secrets({
  signingSecrets,
  routeKeys,
  secretProblems,
}: DoctorSettings): Promise<readonly CheckOutcome[]> {
  if (secretProblems.length > 0) return secretProblems.map((detail) => problem(detail, `set it to ${STORED_SECRET}`));
  const count = (source: SecretSource, name: string, variable: string) => {
    const { length } = valuesOf(source);
    if (length === 0) return unchecked(`${variable} is not known here`);
    return ok(`${length} ${name}${length === 1 ? '' : 's'}, well-formed`);
  };
  return [
    count(signingSecrets, 'signing secret', 'WEBHOOK_SIGNING_SECRET'),
    count(routeKeys, 'route key', 'DYNAMIC_ROUTE_KEY'),
  ];
}

function valuesOf({ fixed, file }: SecretSource): readonly string[] {
  return [...fixed, ...(file?.first ?? [])];
}

async function publicKeys({ jwksUrl }: DoctorSettings): Promise<CheckOutcome> {
  const response = await fetch(jwksUrl, { signal: AbortSignal.timeout(REQUEST_MILLIS) });
  const document: unknown = await response.json().catch(() => undefined);
  const usable = objectsIn(isJsonObject(document) ? document['keys'] : undefined).flatMap(importKey).length;
  if (response.ok && usable > 0) return ok(`${usable} keys at ${jwksUrl.href}`);
  return problem(`${jwksUrl.href} answers ${response.status} with ${usable} usable keys`, 'check GEMINI_JWKS_URL');
}

/** Static deliveries need a registered webhook; dynamic ones name their URL in each job. */
async function registration(
  { gemini, callbackUrl, signingSecrets }: DoctorSettings,
  command: (words: string) => string,
): Promise<readonly CheckOutcome[]> {
  const here = await new Webhooks(connectGemini(gemini), gemini.apiVersion).listAt(callbackUrl.href);
  const known = valuesOf(signingSecrets);
  if (here.length === 0 && known.length === 0)
    return [unchecked(`none is registered to ${callbackUrl.href}, which dynamic webhooks do not need`)];
  if (here.length === 0) {
    const events = SUBSCRIBABLE_TYPES.join(',');
    const fix = command(`webhooks create --uri=${callbackUrl.href} --events=${events} --secret=webhook-signing-secret`);
    return [problem(`no webhook of this API key is registered to ${callbackUrl.href}`, fix)];
  }
  return here.flatMap((each) => [stateOf(each, command), eventsOf(each, command), secretOf(each, known, command)]);
}

function stateOf({ id, state }: Webhook, command: (words: string) => string): CheckOutcome {
  if (state === 'enabled') return ok(`${id} is enabled`);
  return problem(`${id} is ${state}: Gemini delivers nothing to it`, command(`webhooks update ${id} --enable`));
}

function eventsOf({ id, subscribed_events: events }: Webhook, command: (words: string) => string): CheckOutcome {
  const missing = SUBSCRIBABLE_TYPES.filter((type) => !events.includes(type));
  if (missing.length === 0) return ok(`${id} receives every event type`);
  const all = [...events, ...missing].join(',');
  return problem(`${id} does not receive ${missing.join(', ')}`, command(`webhooks update ${id} --events=${all}`));
}

/** Without a signing secret here nothing is known about the one that the function has. */
function secretOf(webhook: Webhook, known: readonly string[], command: (words: string) => string): CheckOutcome {
  const { id } = webhook;
  if (known.length === 0) return unchecked(`the signing secret of ${id}: WEBHOOK_SIGNING_SECRET is not known here`);
  if (canVerify(known, webhook)) return ok(`${id} signs with a known secret`);
  return problem(
    `${id} signs with none of the known secrets: geminiCallback refuses its deliveries`,
    command(`webhooks rotate ${id} --secret=webhook-signing-secret`),
  );
}

/** Compares the clock with that of Gemini's server: deliveries are refused where they differ by the tolerance. */
async function clock({ gemini, toleranceSeconds }: DoctorSettings): Promise<CheckOutcome> {
  const response = await fetch(gemini.baseUrl, { method: 'HEAD', signal: AbortSignal.timeout(REQUEST_MILLIS) });
  const date = response.headers.get('date');
  if (date === null) return unchecked('the server of Gemini gave no time');
  const seconds = Math.round(Math.abs(Date.now() - Date.parse(date)) / 1_000);
  if (seconds * 2 <= toleranceSeconds) return ok(`${seconds} s from Gemini's`);
  return problem(
    `the clock here is ${seconds} s from Gemini's`,
    'synchronise it, for instance with timedatectl set-ntp true',
  );
}
