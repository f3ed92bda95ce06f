// Every page in both widths, schemes and languages: pictures, nobody kept out, nothing wider than the screen.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { ask, barriers, close, NARROW, picture, running, scene, sql, stage, status, WIDE } from './stage.mjs';

const PAGES = {
  tasks: () => '/sync',
  migration: () => '/migration',
  tracking: () => '/tracking',
  wizard: () => '/new?kind=sync',
  task: ({ forward }) => `/tasks/${forward}`,
  tables: ({ forward }) => `/tasks/${forward}?tab=tables`,
  history: ({ forward }) => `/tasks/${forward}?tab=history`,
  failback: ({ forward }) => `/failback/${forward}`,
  alone: ({ alone }) => `/failback/${alone}`,
  alerts: () => '/alerts',
  users: () => '/users',
  audit: () => '/audit',
  settings: () => '/settings',
};
const SHAPES = [
  { name: 'wide-light', viewport: WIDE, scheme: 'light', language: 'en-US' },
  { name: 'wide-dark', viewport: WIDE, scheme: 'dark', language: 'zh-CN' },
  { name: 'narrow-light', viewport: NARROW, scheme: 'light', language: 'zh-CN' },
  { name: 'narrow-dark', viewport: NARROW, scheme: 'dark', language: 'en-US' },
];
const ids = {};

before(async () => {
  for (const name of ['shown', 'alone']) sql('source', `CREATE DATABASE ${name}; CREATE TABLE ${name}.entry (id INT PRIMARY KEY, text VARCHAR(20)); INSERT INTO ${name}.entry VALUES (1, 'a'), (2, 'b')`);
  ids.forward = (await running('shown', 'shown')).id;
  ids.alone = (await running('alone', 'alone')).id;
  await ask('POST', '/instances/shown/reverse', {});
  await status('shown-reverse', 'Collecting');
});
after(close);

for (const shape of SHAPES) {
  scene(`pages, ${shape.name}`, shape, async (page) => {
    const found = [];
    for (const [name, address] of Object.entries(PAGES)) {
      await page.goto(stage.url + address(ids));
      await page.getByRole('heading', { level: 1 }).first().waitFor();
      await page.waitForFunction(() => !document.querySelector('.ant-spin-spinning, .ant-skeleton-active'));
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wider > 0) found.push(`${name} is ${wider} pixels wider than the screen`);
      found.push(...(await barriers(page)).map((one) => `${name}: ${one}`));
      await picture(page, `${name}-${shape.name}`);
    }
    assert.deepEqual(found, []);
  });
}

scene('by keyboard alone', {}, async (page) => {
  await page.getByRole('link', { name: 'shown', exact: true }).waitFor();
  // The menu of a task opens, is gone through and closed, and the focus is where it was.
  const menu = page.getByTitle('Actions: shown', { exact: true });
  await menu.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'View Details' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Escape');
  await page.getByRole('menuitem', { name: 'View Details' }).waitFor({ state: 'detached' });
  assert.ok(await menu.evaluate((button) => button === document.activeElement), 'the focus went elsewhere');
  // A dialog takes the focus, keeps it, and gives it back.
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-expanded') === 'false');
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Pause Task' }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Note' });
  await dialog.waitFor();
  // Between the last and the first the browser's own bar has it, and the page nobody.
  for (let step = 0; step < 6; step += 1) {
    await page.keyboard.press('Tab');
    const where = await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('.ant-modal-root') ? '' : document.activeElement.outerHTML.slice(0, 200));
    assert.equal(where, '', 'the focus left the dialog');
  }
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal((await ask('GET', '/instances/shown')).status, 'Synchronizing');
});
