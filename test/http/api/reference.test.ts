// /api/docs as people see it: opened in Chromium, which may fetch nothing from anywhere else.
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN } from '../../support/api.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { has, unlessInstalled } from '../../support/programs.ts';

const CHROMIUM = '/usr/bin/chromium';
/** For people who want to look at it. */
const { SCREENSHOTS } = process.env;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: 'null://?name=main' });
});
afterAll(() => gateway.end());

it('the page lets nothing run that is not ours, and its script is packed and kept', async () => {
  const page = await gateway.http('/api/docs');
  const policy = page.headers.get('content-security-policy')!;
  expect(policy).toMatch(/^default-src 'none'; script-src 'nonce-[\w+/=]{24}'; /);
  expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*unsafe-inline|https?:/);
  const other = await gateway.http('/api/docs');
  expect(other.headers.get('content-security-policy')).not.toBe(policy);
  expect(await page.text()).not.toMatch(/(src|href)="(https?:)?\/\//);
  const script = await gateway.http('/api/docs/reference.js');
  expect(script.headers.get('content-encoding')).toBe('gzip');
  expect((await script.text()).length).toBeGreaterThan(1_000_000);
  const again = await fetch(`http://127.0.0.1:${gateway.httpPort}/api/docs/reference.js`, {
    headers: { 'if-none-match': script.headers.get('etag')! },
  });
  expect(again.status).toBe(304);
});

it.each(['/api', '/api/', '/api/docs/'])('%s leads to it', async path => {
  const answer = await fetch(`http://127.0.0.1:${gateway.httpPort}${path}`, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([308, '/api/docs']);
});

describe.skipIf(!has('chromium'))(`in a browser${unlessInstalled('chromium')}`, () => {
  let browser: Browser;
  let page: Page;
  const elsewhere: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
    const ours = `http://127.0.0.1:${gateway.httpPort}/`;
    await page.route('**', route => {
      if (route.request().url().startsWith(ours)) return route.continue();
      elsewhere.push(route.request().url());
      return route.abort();
    });
    page.on('console', message => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', error => void complaints.push(error.message));
    await page.goto(`${ours}api/docs`);
    await page.getByRole('heading', { name: 'All rules, in the order in which they are asked' }).first().waitFor();
  });
  afterAll(() => browser?.close());

  it('shows every operation, asks nobody else for anything, and breaks no rule of its policy', async () => {
    const described = (await (await gateway.http('/api/openapi.json')).json()) as {
      paths: Record<string, Record<string, { summary: string }>>;
    };
    const summaries = Object.values(described.paths).flatMap(one => Object.values(one).map(({ summary }) => summary));
    for (const summary of summaries) await page.getByText(summary).first().waitFor();
    if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/reference.png` });
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('can be read on a telephone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('heading', { name: 'Postern' }).first().waitFor();
    if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/reference-small.png` });
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
  });

  it('can be found from the first page, which a telephone shows whole too', async () => {
    const other = await browser.newPage({ viewport: { width: 390, height: 844 } });
    await other.goto(`http://127.0.0.1:${gateway.httpPort}/`);
    if (SCREENSHOTS) await other.screenshot({ path: `${SCREENSHOTS}/index-small.png` });
    expect(await other.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0);
    await other.getByRole('link', { name: '/api/docs' }).click();
    await other.getByRole('heading', { name: 'Postern' }).first().waitFor();
    await other.close();
  });

  it('may ask the API itself: its policy lets it', async () => {
    const answer = await page.evaluate(
      `fetch('/api/v1/upstreams', { headers: { authorization: '${ADMIN}' } }).then(answer => answer.json())`,
    );
    expect(answer).toMatchObject({ items: [{ name: 'main' }] });
  });
});
