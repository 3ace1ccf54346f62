import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasBrowser, launchBrowser } from '../support/browser.ts';
import { given, HOUR_MILLIS, JOB_MILLIS, prompt, setUp } from '../unit/simulator/harness.ts';

describe.skipIf(!hasBrowser)('the page (needs a browser: set CHROMIUM_PATH)', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  /** A page that fails the test for anything that the browser complains about. */
  async function open() {
    const context = await setUp();
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', ({ message }) => void complaints.push(message));
    page.on('console', (message) => {
      const isRefusal = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isRefusal) complaints.push(message.text());
    });
    onTestFinished(async () => {
      await page.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(context.simulator.url);
    await page.getByText('live', { exact: true }).waitFor();
    return { ...context, page };
  }

  async function cards(page: Page, list: string): Promise<string[]> {
    return await page.locator(`#${list} > li`).allInnerTexts();
  }

  test('shows how to use the simulator while there is nothing to show', async () => {
    const { page, simulator } = await open();
    await page.getByText(`export GOOGLE_GEMINI_BASE_URL=${simulator.url}`).waitFor();
    await expect.poll(async () => await page.locator('#seed').innerText()).toBe('test');
  });

  test('shows jobs and deliveries as they happen, with attempts and answers', async () => {
    const { page, simulator, ai, receiver } = await open();
    receiver.answer = 503;
    const config = { webhookConfig: { uris: [receiver.url] } };
    const { name } = await ai.batches.create({ model: 'm', src: [prompt('hello')], config });
    await page.getByText('pending').waitFor();
    await simulator.clock.advance(JOB_MILLIS);
    await page.getByText('#1 503').waitFor();
    receiver.answer = 200;
    await simulator.clock.advance(5_000);
    await page.getByText('#2 200').waitFor();
    const [job] = await cards(page, 'jobs');
    expect(job).toContain(given(name));
    expect(job).toContain('succeeded');
    const [delivery] = await cards(page, 'deliveries');
    expect(delivery).toContain('batch.succeeded');
    expect(delivery).toContain('delivered');
    expect(delivery).toContain(receiver.url);
    await page.locator('#deliveries summary').click();
    await page.getByText(`Webhook-Id: ${simulator.ledger.deliveries[0]?.webhookId}`).waitFor();
  });

  test('finishes a job as chosen', async () => {
    const { page, simulator, ai } = await open();
    await ai.batches.create({ model: 'm', src: [prompt('hello')] });
    await page.getByLabel('Outcome').selectOption('expired');
    await page.getByRole('button', { name: 'Finish' }).click();
    await page.locator('#jobs').getByText('expired').waitFor();
    expect(simulator.jobs()).toMatchObject([{ state: 'expired' }]);
  });

  test('redelivers, pings and advances the clock', async () => {
    const { page, simulator, ai, receiver } = await open();
    const uri = `${receiver.url}/${'long'.repeat(40)}`;
    await ai.webhooks.create({ name: 'mine', uri, subscribed_events: ['batch.succeeded'] });
    await page.reload();
    const width = async (selector: string) => (await page.locator(selector).boundingBox())?.width;
    expect(await width('#webhooks > li')).toBe(await width('#webhooks-title'));
    await page.getByRole('button', { name: 'Ping' }).click();
    await page.getByText('#1 200').waitFor();
    await page.getByRole('button', { name: 'Redeliver' }).click();
    await page.getByText('#2 200').waitFor();
    const before = simulator.clock.now();
    const advanced = page.waitForResponse((response) => response.url().endsWith('/clock/advance'));
    await page.getByRole('button', { name: '+1 h' }).click();
    await advanced;
    expect(simulator.clock.now()).toBe(before + HOUR_MILLIS);
    expect(receiver.received).toHaveLength(2);
  });

  test('shows markup of others as text', async () => {
    const { page, simulator, ai } = await open();
    const markup = '<img src=x onerror=alert(1)>';
    await ai.webhooks.create({ name: markup, uri: 'https://h.test/<b>', subscribed_events: ['batch.succeeded'] });
    await simulator.emit({ type: markup, data: { markup }, webhookConfig: { uris: ['http://127.0.0.1:9/'] } });
    await page.locator('#deliveries').getByText(markup).first().waitFor();
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
    await page.getByRole('button', { name: 'Finish' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toBe(`Job ${name} is succeeded already`);
  });
});
