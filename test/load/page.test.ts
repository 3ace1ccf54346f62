import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { SimulatorOptions } from '../../simulator/simulator.ts';
import { hasBrowser, launchBrowser } from '../../tools/browser.ts';
import { given, HOUR_MILLIS, JOB_MILLIS, prompt, setUp } from '../unit/simulator/harness.ts';

const EVENTS = ['batch.succeeded', 'interaction.failed', 'video.generated'] as const;

describe.skipIf(!hasBrowser)('the page (needs a browser: set CHROMIUM_PATH)', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  /** A page that fails the test for any error that the browser reports. */
  async function open(options: SimulatorOptions = {}, viewport = { width: 1280, height: 800 }) {
    const context = await setUp(options);
    const page = await browser.newPage({ viewport, permissions: ['clipboard-read', 'clipboard-write'] });
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => void errors.push(message));
    page.on('console', (message) => {
      const isRefusal = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isRefusal) errors.push(message.text());
    });
    onTestFinished(async () => {
      await page.close();
      expect(errors).toEqual([]);
    });
    await page.goto(context.simulator.url);
    await page.getByText('live', { exact: true }).waitFor();
    return { ...context, page };
  }

  /** Starts a batch with its own webhook URI and delivers its event. */
  async function deliver({ simulator, ai, receiver }: Awaited<ReturnType<typeof open>>, displayName = 'Mine') {
    const config = { displayName, webhookConfig: { uris: [receiver.url] } };
    await ai.batches.create({ model: 'm', src: [prompt('hello')], config });
    await simulator.clock.advance(JOB_MILLIS);
  }

  async function cards(page: Page, list: string): Promise<string[]> {
    return await page.locator(`#${list} > li`).allInnerTexts();
  }

  async function click(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name, exact: true }).first().click();
  }

  test('says how to use the simulator while it is empty', async () => {
    const { page, simulator } = await open();
    await page.getByText(`export GOOGLE_GEMINI_BASE_URL=${simulator.url}`).waitFor();
    await expect.poll(async () => await page.locator('#seed').innerText()).toBe('test');
  });

  test('starts a batch and an interaction, also while only one API key is valid', async () => {
    const { page, simulator } = await open({ settings: { api: { key: 'other' } } });
    await click(page, 'Start a batch');
    await page.getByLabel('Display name').fill('Nightly');
    await page.getByLabel('Prompts, one a line').fill('one\ntwo');
    await page.getByRole('dialog').getByRole('button', { name: 'Start a batch' }).click();
    await page.locator('#jobs').getByText('Nightly').waitFor();
    await click(page, 'Start an interaction');
    await page.getByLabel('Input').fill('Compare');
    await page.getByLabel('The interaction will').selectOption('fail');
    await page.getByLabel('Input').press('Enter');
    await page.locator('#jobs').getByText('Compare [fail]').waitFor();
    await simulator.clock.advance(JOB_MILLIS);
    expect(simulator.jobs()).toMatchObject([
      { kind: 'batch', displayName: 'Nightly', state: 'succeeded' },
      { kind: 'interaction', state: 'failed' },
    ]);
  });

  test('registers a webhook and shows its secret once; a refusal stays in the form', async () => {
    const { page, receiver, ai } = await open();
    await click(page, 'Register a webhook');
    await page.getByLabel('URI').fill('http://h.test/');
    await page.getByLabel('video.generated').uncheck();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Register a webhook' }).click();
    await dialog.getByRole('alert').getByText('h.test').waitFor();
    await page.getByLabel('URI').fill(receiver.url);
    await dialog.getByRole('button', { name: 'Register a webhook' }).click();
    await dialog.getByText(/^whsec_/).waitFor();
    await click(page, 'Done');
    const { webhooks } = await ai.webhooks.list();
    expect(webhooks).toMatchObject([{ uri: receiver.url, name: 'My receiver' }]);
    expect(webhooks?.[0]?.subscribed_events).toHaveLength(6);
  });

  test('shows jobs and deliveries as they happen, with attempts, responses and reasons', async () => {
    const { page, simulator, ai, receiver } = await open();
    receiver.answer = 503;
    const config = { displayName: 'Mine', webhookConfig: { uris: [receiver.url] } };
    const { name } = await ai.batches.create({ model: 'm', src: [prompt('hello')], config });
    await page.getByText('pending').waitFor();
    await simulator.clock.advance(JOB_MILLIS);
    await page.getByText('#1 503').waitFor();
    receiver.answer = 200;
    await simulator.clock.advance(5_000);
    await page.getByText('#2 200').waitFor();
    const [job] = await cards(page, 'jobs');
    for (const text of [given(name), 'Mine', 'succeeded']) expect(job).toContain(text);
    const [delivery] = await cards(page, 'deliveries');
    const reasons = ['The receiver failed. Its log has the reason.', 'The receiver accepted it.'];
    for (const text of ['batch.succeeded', 'delivered', receiver.url, ...reasons]) expect(delivery).toContain(text);
    await page.locator('#deliveries summary').first().click();
    const details = page.locator('#deliveries details').first();
    await details.getByText(`Webhook-Id: ${simulator.ledger.deliveries[0]?.webhookId}`).waitFor();
    const pretty = JSON.stringify(JSON.parse(given(receiver.received[0]).body), undefined, 2);
    expect(await details.locator('pre').first().innerText()).toContain(pretty);
    expect(await details.locator('pre').last().innerText()).toBe('HTTP 503\n\nnoted');
  });

  test('shows the results of a job', async () => {
    const context = await open();
    await deliver(context);
    await context.page.locator('#jobs summary').click();
    const results = context.page.locator('#jobs details pre').first();
    await expect.poll(async () => await results.innerText()).toContain('(You asked: hello)');
  });

  test('copies an attempt as a curl command that sends the same request', async () => {
    const context = await open();
    const { page, receiver } = context;
    await deliver(context, "it's mine");
    await page.locator('#deliveries summary').click();
    await click(page, 'Copy as curl');
    await page.getByRole('status').getByText('Copied').waitFor();
    const command = await page.evaluate('navigator.clipboard.readText()');
    await promisify(execFile)('sh', ['-c', String(command)]);
    const [first, second] = receiver.received.map(({ headers, body }) => [headers['webhook-signature'], body]);
    expect(second).toEqual(first);
  });

  test('duplicates, replays, forges and reorders deliveries', async () => {
    const context = await open();
    const { page, receiver, simulator } = context;
    await deliver(context);
    await click(page, 'Duplicate');
    await page.getByText('#2 200').waitFor();
    await click(page, 'Replay an old one');
    await page.getByText('The receiver accepted an old delivery.').waitFor();
    receiver.answer = 401;
    await click(page, 'Forge');
    await page.getByText('The receiver refused a forged delivery, as it must.').waitFor();
    const [delivery] = simulator.ledger.deliveries;
    const faults = [[], ['duplicate'], ['stale'], ['wrong_signature']];
    expect(delivery?.attempts.map((attempt) => attempt.faults)).toEqual(faults);
    await click(page, 'Reorder');
    await page.getByRole('alert').getByText('No later delivery').waitFor();
    receiver.answer = 200;
    await deliver(context);
    await page.locator('#deliveries > li').nth(1).waitFor();
    receiver.received.length = 0;
    await page.getByRole('button', { name: 'Reorder' }).last().click();
    await expect.poll(() => receiver.received.length).toBe(2);
    const ids = simulator.ledger.deliveries.map(({ webhookId }) => webhookId);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(ids.toReversed());
  });

  test('switches faults on and off', async () => {
    const { page, simulator } = await open();
    await page.getByText('Faults off').click();
    await page.getByRole('switch', { name: 'Wrong signature' }).check();
    await page.getByText('Faults 1 on').waitFor();
    expect(simulator.settings.get().faults.wrongSignature).toBe(1);
    await page.getByLabel('Affect').selectOption('3 in 10 deliveries');
    await expect.poll(() => simulator.settings.get().faults.wrongSignature).toBe(0.3);
    await page.getByRole('switch', { name: 'Wrong signature' }).uncheck();
    await page.getByText('Faults off').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('switch', { name: 'Drop' }).isVisible()).toBe(false);
  });

  test('filters by text, type and state', async () => {
    const context = await open();
    const { page, ai } = context;
    await deliver(context, 'First');
    await ai.interactions.create({ model: 'm', input: '[hang]', background: true });
    await page.locator('#jobs > li').nth(1).waitFor();
    const names = async () => await page.locator('#jobs strong').allInnerTexts();
    await page.getByLabel('Type', { exact: true }).selectOption('Batches');
    await expect.poll(names).toEqual(['First']);
    await page.getByLabel('Type', { exact: true }).selectOption('All types');
    await page.getByLabel('State', { exact: true }).selectOption('In progress');
    await expect.poll(names).toEqual(['[hang]']);
    expect(await cards(page, 'deliveries')).toEqual([]);
    await page.getByLabel('State', { exact: true }).selectOption('All states');
    await page.getByRole('searchbox').fill('first');
    await expect.poll(names).toEqual(['First']);
    await page.getByText('1 of 2 match').waitFor();
  });

  test('finishes a job as chosen', async () => {
    const { page, simulator, ai } = await open();
    await ai.batches.create({ model: 'm', src: [prompt('hello')] });
    await page.getByLabel('Outcome').selectOption('expired');
    await click(page, 'Finish');
    await page.locator('#jobs').getByText('expired').waitFor();
    expect(simulator.jobs()).toMatchObject([{ state: 'expired' }]);
  });

  test('enables a webhook that failed deliveries disabled, also on a phone', async () => {
    const deliveries = { retryDelaysMillis: [0], disableAfterGivenUp: 1 };
    const { page, ai, receiver, simulator } = await open({ settings: { deliveries } }, { width: 390, height: 844 });
    const fields = { name: 'My receiver', uri: receiver.url, subscribed_events: ['batch.succeeded' as const] };
    const { id = '' } = await ai.webhooks.create(fields);
    receiver.answer = 503;
    await simulator.emit({ type: 'batch.succeeded', data: {} });
    await page.getByText('Too many deliveries failed in a row.').waitFor();
    const [card, ping] = [page.locator('#webhooks > li'), page.getByRole('button', { name: 'Ping' })];
    const [{ x = 0, width = 0 } = {}, inner] = [(await card.boundingBox()) ?? undefined, await ping.boundingBox()];
    expect((inner?.x ?? 0) + (inner?.width ?? 0)).toBeLessThan(x + width - 10);
    expect((await card.getByText('My receiver').boundingBox())?.width).toBeGreaterThan(60);
    await click(page, 'Enable');
    await page.locator('#webhooks').getByText('enabled').waitFor();
    expect((await ai.webhooks.get(id)).state).toBe('enabled');
  });

  test('pings and advances the clock', async () => {
    const { page, simulator, ai, receiver } = await open();
    const uri = `${receiver.url}/${'long'.repeat(40)}`;
    await ai.webhooks.create({ name: 'mine', uri, subscribed_events: ['batch.succeeded'] });
    await click(page, 'Ping');
    await page.getByText('#1 200').waitFor();
    const before = simulator.clock.now();
    const advanced = page.waitForResponse((response) => response.url().endsWith('/clock/advance'));
    await click(page, '+1 h');
    await advanced;
    expect(simulator.clock.now()).toBe(before + HOUR_MILLIS);
    expect(receiver.received).toHaveLength(1);
  });

  test('keeps what is open and focused while deliveries arrive', async () => {
    const context = await open();
    const { page } = context;
    await deliver(context);
    const summary = page.locator('#deliveries summary').last();
    await summary.focus();
    await page.keyboard.press('Enter');
    await deliver(context);
    await page.locator('#deliveries > li').nth(1).waitFor();
    await page.getByText('Webhook-Id:').last().waitFor();
    expect(await summary.evaluate((node) => node === node.ownerDocument.activeElement)).toBe(true);
  });

  test('fits a phone: one line of header, one line of buttons, nothing wider than the screen', async () => {
    const context = await open({}, { width: 390, height: 844 });
    const { page } = context;
    await deliver(context, 'a long display name '.repeat(8));
    await page.getByText('#1 200').waitFor();
    await page.locator('#deliveries summary').click();
    expect((await page.locator('header').boundingBox())?.height).toBeLessThan(50);
    const buttons = await page.getByRole('group', { name: 'Send again' }).getByRole('button').all();
    const tops = await Promise.all(buttons.map(async (button) => (await button.boundingBox())?.y));
    expect(tops).toEqual(Array(4).fill(tops[0]));
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  describe.each([1280, 390])('%i px wide', (width) => {
    test.each(['light', 'dark'] as const)('saves screenshots in %s colours', async (colorScheme) => {
      const context = await open({}, { width, height: width === 390 ? 844 : 800 });
      const { page, simulator, ai, receiver } = context;
      const picture = async (state: string) => {
        await page.screenshot({ path: `test-artefacts/page/${state}-${width}-${colorScheme}.png`, fullPage: true });
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      };
      await page.emulateMedia({ colorScheme });
      await page.getByText('Faults off').waitFor();
      await picture('empty');
      await ai.webhooks.create({ name: 'My receiver', uri: `${receiver.url}/gemini`, subscribed_events: [...EVENTS] });
      await deliver(context, 'Nightly classification');
      await ai.interactions.create({ model: 'm', input: 'Compare the two offers [fail]', background: true });
      receiver.answer = 503;
      await simulator.clock.advance(JOB_MILLIS);
      receiver.answer = 200;
      await ai.batches.create({ model: 'm', src: [prompt('hello')], config: { displayName: 'Still running' } });
      await page.locator('#jobs').getByText('Still running').waitFor();
      await page.locator('#deliveries summary').first().click();
      await page.locator('#deliveries > li').nth(1).waitFor();
      await picture('filled');
      await page.getByText('Faults off').click();
      await picture('faults');
    });
  });

  test('shows markup from requests as text', async () => {
    const { page, simulator, ai } = await open();
    const markup = '<img src=x onerror=alert(1)>';
    await ai.webhooks.create({ name: markup, uri: 'https://h.test/<b>', subscribed_events: ['batch.succeeded'] });
    await simulator.emit({ type: markup, data: { markup }, webhookConfig: { uris: ['http://127.0.0.1:9/'] } });
    await page.locator('#deliveries').getByText(markup).first().waitFor();
    await page.getByText('Nothing listens at this address.').waitFor();
    expect(await page.locator('main img, main b').count()).toBe(0);
    expect((await cards(page, 'webhooks'))[0]).toContain(markup);
  });

  test('says why an action failed', async () => {
    const { page, simulator, ai } = await open();
    const { name } = await ai.batches.create({ model: 'm', src: [prompt('hello')] });
    await page.getByRole('button', { name: 'Finish' }).waitFor();
    await page.route('**/admin/jobs/finish', async (route) => {
      await simulator.finish(given(name));
      await route.continue();
    });
    await click(page, 'Finish');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toBe(`Job ${name} is succeeded already`);
  });
});
