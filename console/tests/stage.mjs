// What the tests stand on: a browser, the service, two databases.
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { chromium } from 'playwright-core';

/** Said by `cargo xtask console test`. */
export const stage = JSON.parse(process.env.TIDEGATE_STAGE ?? 'null');
if (!stage) throw new Error('run these with: cargo xtask console test');

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What a page waits for at most. */
export const DEADLINE = 60_000;

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };

/** Runs SQL on `source` or `target`, as root or as an account without a password; answers rows of texts. */
export function sql(side, statements, account = 'root') {
  const { client, environment } = stage[side];
  const [program, ...args] = client.map((part) => (part === '--user=root' ? `--user=${account}` : part));
  const ran = spawnSync(program, args, { input: statements, encoding: 'utf8', env: { ...process.env, ...environment } });
  if (ran.status !== 0) throw new Error(`${side}: ${ran.stderr}\n${statements}`);
  return ran.stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
}

/** Runs Python that finds `client` of a deployment, `source` or `target`; answers what it prints. */
export function python(side, script) {
  const { client, environment } = stage.mongodb[side];
  const [program, ...args] = client;
  const input = `import os, pymongo\nclient = pymongo.MongoClient(os.environ['MONGO_URL'])\n${script}`;
  const ran = spawnSync(program, args, { input, encoding: 'utf8', env: { ...process.env, ...environment } });
  if (ran.status !== 0) throw new Error(`${side}: ${ran.stderr}\n${script}`);
  return ran.stdout.trim();
}

export function endpoint(side) {
  return { url: `mysql://root@${stage[side].host}:${stage[side].port}/` };
}

let token;

/** Asks the service as a script would. */
export async function ask(method, path, body) {
  token ??= (await (await fetch(`${stage.url}/api/v1/login`, json('POST', { account: 'admin', password: stage.password }))).json()).token;
  const request = json(method, body);
  request.headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(`${stage.url}/api/v1${path}`, request);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

function json(method, body) {
  const headers = { 'Content-Type': 'application/json' };
  return body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
}

/** Looks again until `look` answers something, and fails when it takes too long. */
export async function until(what, look, instead = () => '') {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${DEADLINE / 1000} s; ${await instead()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function status(name, wanted) {
  const look = async () => {
    const instance = await ask('GET', `/instances/${name}`);
    if (instance.status === 'Failed' && wanted !== 'Failed') throw new Error(`${name} failed: ${JSON.stringify(instance.why)}`);
    return instance.status === wanted && instance;
  };
  return until(`${name} is ${wanted}`, look, async () => JSON.stringify(await ask('GET', `/instances/${name}/history`)));
}

/** Makes an instance of a database that exists on the source, and waits until it streams. */
export async function running(name, database) {
  await ask('POST', '/instances', {
    name,
    kind: 'sync',
    source: endpoint('source'),
    target: endpoint('target'),
    objects: { include: [`${database}.*`] },
  });
  await ask('POST', `/instances/${name}/start`, {});
  return streaming(name);
}

export function streaming(name) {
  return until(`${name} streams`, async () => {
    const now = await ask('GET', `/instances/${name}`);
    if (now.status === 'Failed') throw new Error(`${name} failed: ${JSON.stringify(now.why)}`);
    return now.status === 'Synchronizing' && now.progress?.step === 'streaming' && now;
  });
}

/** Both sides of a table by an independent look. */
export function same(table, columns = '*') {
  const [source, target] = ['source', 'target'].map((side) => JSON.stringify(sql(side, `SELECT ${columns} FROM ${table} ORDER BY 1`)));
  return source === target;
}

let browser;

/** A browser of its own for each test, and what it complained of. */
export async function open({ viewport = WIDE, scheme = 'light', language = 'en-US', loggedIn = true } = {}) {
  browser ??= await chromium.launch({
    executablePath: stage.chromium,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const context = await browser.newContext({ viewport, colorScheme: scheme, locale: language, reducedMotion: 'reduce' });
  context.setDefaultTimeout(DEADLINE);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.stack ?? String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog of a script: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(stage.url) && !request.url().startsWith('blob:')) complaints.push(`asked of the network: ${request.url()}`);
  });
  if (loggedIn) {
    await logIn(page);
    // Before that the page is told that nobody is logged in, which a browser takes for a fault.
    complaints.length = 0;
  }
  return { page, context, complaints };
}

export async function logIn(page) {
  await page.goto(stage.url);
  await page.getByLabel('Password').or(page.getByLabel('密码')).first().fill(stage.password);
  await page.getByRole('button', { name: /Log on|登\s?录/ }).click();
  await page.getByRole('navigation').or(page.getByRole('button', { name: /Menu|菜单/ })).first().waitFor();
}

export async function close() {
  await browser?.close();
  browser = undefined;
}

export async function picture(page, name) {
  await page.screenshot({ path: `${stage.pictures}/${name}.png`, fullPage: false });
}

/** Findings of axe that keep people out. */
export async function barriers(page) {
  // As a script of the inspector's, which no policy of the page forbids.
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations
    .filter((one) => one.impact === 'serious' || one.impact === 'critical')
    .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => `${node.target.join(' ')} (${node.failureSummary?.split('\n')[1]?.trim()})`).slice(0, 4).join('; ')}`);
}

/**
 * A test with a page of its own, whose browser must not complain of anything but what is `expected`. A failure leaves a
 * picture.
 */
export function scene(name, { expected, ...options }, body) {
  test(name, async () => {
    const { page, context, complaints } = await open(options);
    try {
      await body(page, context);
      assert.deepEqual(complaints.filter((one) => !expected?.test(one)), []);
    } catch (error) {
      await picture(page, `failed-${name.replaceAll(/\W+/g, '-')}`);
      if (complaints.length > 0) console.error(complaints);
      throw error;
    } finally {
      await context.close();
    }
  });
}
