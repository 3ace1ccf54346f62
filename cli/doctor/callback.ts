import { Webhooks } from '../webhooks/administration.ts';
import { canVerify } from '../webhooks/ownership.ts';
import { EVENT_TYPES } from '../webhooks/validation.ts';
import { type Check, ok, type Outcome, problem, skipped } from './finding.ts';
import type { Installation } from './setting.ts';
import { connectGemini } from '../../functions/gemini/client.ts';
import type { SecretSource } from '../../functions/config/environment.ts';

const REQUEST_MILLIS = 10_000;
const STORED_SECRET = 'what is stored: $(gcloud secrets versions access latest --secret=webhook-signing-secret)';

/** Events that a subscription of registered webhooks can name; the cancelled ones are in Gemini's guide only (G 1.5). */
export const SUBSCRIBABLE = EVENT_TYPES.filter((type) => !type.endsWith('.cancelled'));

/** Checks of everything between Gemini and the function. */
export function callbackChecks(installation: Installation): readonly Check[] {
  return [
    { name: 'callback URL', run: async () => [await publicCallback(installation)] },
    { name: 'secrets', run: async () => await secrets(installation) },
    { name: 'public keys', run: async () => [await publicKeys(installation)] },
    { name: 'webhook', run: async () => await webhook(installation) },
    { name: 'clock', run: async () => [await clock(installation)] },
  ];
}

/** Our function refuses an unsigned request with a reason of its own; the platform's wall in front of it has none. */
async function publicCallback({ callbackUrl }: Installation): Promise<Outcome> {
  const response = await fetch(callbackUrl, {
    method: 'POST',
    body: '{}',
    redirect: 'manual',
    signal: AbortSignal.timeout(REQUEST_MILLIS),
  });
  const text = await response.text();
  if (text.includes('MISSING_HEADER')) return ok(`${callbackUrl.href} is public and refuses what is not signed`);
  if (response.status === 401 || response.status === 403) {
    return problem(
      `${callbackUrl.href} answers ${response.status}: callers without an account are kept out, and Gemini has none`,
      'gcloud run services update gemini-callback --region=REGION --no-invoker-iam-check',
    );
  }
  return problem(
    `${callbackUrl.href} answers ${response.status}, and is not geminiCallback`,
    'gcloud run services describe gemini-callback --region=REGION --format="value(status.url)" shows its URL; set CALLBACK_URL to it',
  );
}

async function secrets(installation: Installation): Promise<readonly Outcome[]> {
  const { signingSecrets, routeKeys, secretProblems } = installation;
  if (secretProblems.length > 0) return secretProblems.map((detail) => problem(detail, `set it to ${STORED_SECRET}`));
  const [signing, route] = [valuesOf(signingSecrets).length, valuesOf(routeKeys).length];
  if (signing + route === 0) {
    return [
      problem(
        'neither a signing secret nor a route key is set here',
        `set WEBHOOK_SIGNING_SECRET or DYNAMIC_ROUTE_KEY, for instance to ${STORED_SECRET}`,
      ),
    ];
  }
  return [ok(`${signing} signing secrets and ${route} route keys, all well-formed`)];
}

function valuesOf({ fixed, file }: SecretSource): readonly string[] {
  return [...fixed, ...(file?.first ?? [])];
}

async function publicKeys({ jwksUrl }: Installation): Promise<Outcome> {
  const response = await fetch(jwksUrl, { signal: AbortSignal.timeout(REQUEST_MILLIS) });
  const { keys = [] } = (await response.json()) as { keys?: readonly { kty?: string; crv?: string }[] };
  const usable = keys.filter(({ kty, crv }) => (kty === 'OKP' && crv === 'Ed25519') || kty === 'RSA').length;
  if (response.ok && usable > 0) return ok(`${usable} keys at ${jwksUrl.href}`);
  return problem(`${jwksUrl.href} answers ${response.status} with ${usable} usable keys`, 'check GEMINI_JWKS_URL');
}

/** A registered webhook is needed for static deliveries only; dynamic ones name their URL in each job. */
async function webhook({ gemini, callbackUrl, signingSecrets }: Installation): Promise<readonly Outcome[]> {
  const registered = await new Webhooks(connectGemini(gemini)).list();
  const ours = registered.filter(({ uri }) => withoutSlash(uri) === withoutSlash(callbackUrl.href));
  if (ours.length === 0 && valuesOf(signingSecrets).length === 0)
    return [skipped('no signing secret is set, so none is needed')];
  if (ours.length === 0) {
    const fix = `npm run -s cli -- webhooks create --uri=${callbackUrl.href} --events=${SUBSCRIBABLE.join(',')} --secret=webhook-signing-secret`;
    return [problem(`no webhook of this API key is registered to ${callbackUrl.href}`, fix)];
  }
  return ours.flatMap((each) => {
    const { id, state, subscribed_events: events } = each;
    const missing = SUBSCRIBABLE.filter((type) => !events.includes(type));
    const update = `npm run -s cli -- webhooks update ${id}`;
    return [
      state === 'enabled' ? ok(`${id} is enabled`) : problem(`${id} is ${state}`, `${update} --enable`),
      missing.length === 0
        ? ok(`${id} gets every event`)
        : problem(
            `${id} does not get ${missing.join(', ')}`,
            `${update} --events=${[...events, ...missing].join(',')}`,
          ),
      canVerify(valuesOf(signingSecrets), each)
        ? ok(`${id} signs with a secret that is known here`)
        : problem(
            `${id} signs with a secret that is not known here: its deliveries are refused`,
            `npm run -s cli -- webhooks rotate ${id} --secret=webhook-signing-secret`,
          ),
    ];
  });
}

/** By the time that Gemini's own server gives; deliveries are refused where the clocks are further apart. */
async function clock({ gemini, toleranceSeconds }: Installation): Promise<Outcome> {
  const response = await fetch(gemini.baseUrl, { method: 'HEAD', signal: AbortSignal.timeout(REQUEST_MILLIS) });
  const date = response.headers.get('date');
  if (date === null) return skipped('Gemini gave no time');
  const seconds = Math.round(Math.abs(Date.now() - Date.parse(date)) / 1_000);
  if (seconds * 2 <= toleranceSeconds) return ok(`${seconds} s from Gemini's`);
  return problem(
    `the clock here is ${seconds} s from Gemini's`,
    'synchronise it, for instance with timedatectl set-ntp true',
  );
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}
