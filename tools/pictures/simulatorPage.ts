import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { GoogleGenAI } from '@google/genai';
import type { Page } from 'playwright-core';
import { Webhook } from 'standardwebhooks';
import { startSimulator } from '../../simulator/simulator.ts';
import { launchBrowser } from '../browser.ts';

/** The receiver that the simulator's README shows. */
const RECEIVER = { host: '127.0.0.1', port: 3000 };
const EVENTS = ['batch.succeeded', 'batch.failed', 'interaction.completed', 'interaction.failed'];
const VIEWPORT = { width: 1280, height: 720 };
/** Longer than a job takes. */
const JOB_MILLIS = 3_000;

/** Runs jobs in a simulator whose receiver verifies signatures, and saves its page in each colour scheme. */
export async function drawSimulatorPage(pathOf: (scheme: 'light' | 'dark') => string): Promise<void> {
  const simulator = await startSimulator({ seed: 'docs', clock: { manual: true, startMillis: Date.now() } });
  const browser = await launchBrowser();
  const receiver = new Receiver();
  try {
    const page = await browser.newPage({ viewport: VIEWPORT });
    await page.goto(simulator.url);
    const options = { apiKey: 'any', httpOptions: { baseUrl: simulator.url, apiVersion: 'v1' } };
    const ai = new GoogleGenAI(options);
    const uri = await receiver.listen();
    const webhook = await ai.webhooks.create({ name: 'My receiver', uri, subscribed_events: EVENTS });
    receiver.secret = webhook.new_signing_secret ?? '';
    const startBatch = async (displayName: string) => {
      const contents = [{ parts: [{ text: displayName }] }];
      await ai.batches.create({ model: 'gemini-3.8-flash', src: [{ contents }], config: { displayName } });
    };
    await startBatch('Nightly summaries');
    await simulator.clock.advance(JOB_MILLIS);
    await delivered(page, 'batch.succeeded');
    await click(page, 'Duplicate', '#2 200');
    await click(page, 'Replay an old one', '#3 401');
    receiver.isFailing = true;
    await ai.interactions.create({
      model: 'gemini-3.8-flash',
      input: 'Compare three vector databases',
      background: true,
    });
    await simulator.clock.advance(JOB_MILLIS);
    receiver.isFailing = false;
    await simulator.clock.advance(20_000);
    await startBatch('Import [fail]');
    await simulator.clock.advance(JOB_MILLIS);
    await delivered(page, 'batch.failed');
    await click(page, 'Forge', 'wrong signature');
    await startBatch('Translate the catalogue');
    await page.getByText('Translate the catalogue').waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: pathOf(colorScheme) });
    }
  } finally {
    await Promise.all([browser.close(), simulator.close(), receiver.close()]);
  }
}

/** Waits until the newest delivery is of a type. */
async function delivered(page: Page, type: string): Promise<void> {
  await page.locator('#deliveries > li').first().getByText(type, { exact: true }).waitFor();
}

/** Clicks the newest delivery's button, and waits for the attempt that follows. */
async function click(page: Page, button: string, attempt: string): Promise<void> {
  await page.getByRole('button', { name: button }).first().click();
  await page.locator('#deliveries > li').first().getByText(attempt).waitFor();
}

class Receiver {
  secret = '';
  isFailing = false;
  readonly #server: Server = createServer((request, response) => {
    void text(request).then((body) => {
      if (this.isFailing) return response.writeHead(503).end();
      try {
        new Webhook(this.secret).verify(body, request.headers as Record<string, string>);
        return response.writeHead(200).end();
      } catch {
        return response.writeHead(401).end();
      }
    });
  });

  async listen(): Promise<string> {
    await once(this.#server.listen(RECEIVER.port, RECEIVER.host), 'listening');
    return `http://${RECEIVER.host}:${RECEIVER.port}/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
