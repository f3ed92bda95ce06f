// Both procedures of the original description, word by word: a reverse is created, the forward task paused, the reverse
// started; a task is stopped for ever.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { ask, close, NARROW, picture, running, same, scene, sql, status, until } from './stage.mjs';

const TABLE = 'way.entry';

before(async () => {
  sql('source', `CREATE DATABASE way; CREATE TABLE ${TABLE} (id INT PRIMARY KEY, at_side VARCHAR(10)); INSERT INTO ${TABLE} VALUES (1, 'source'), (2, 'source')`);
  await running('way', 'way');
});
after(close);

/** The row of a task, by its name. */
const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });

/** Actions column, the icon, an item. */
async function choose(page, name, item) {
  await page.getByTitle(`Actions: ${name}`, { exact: true }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

async function note(page) {
  const dialog = page.getByRole('dialog', { name: 'Note', exact: true });
  await dialog.waitFor();
  await dialog.getByRole('button', { name: 'OK', exact: true }).click();
}

scene('create a reverse instance', {}, async (page) => {
  // Step 1. In the left-side navigation pane, click Data Synchronization.
  await page.getByRole('menuitem', { name: 'Data Synchronization' }).click();
  await page.getByRole('heading', { name: 'Data Synchronization Tasks' }).waitFor();
  await row(page, 'way').getByText('Running', { exact: true }).waitFor();
  // An account that may not be read with: the precheck of the reverse fails.
  sql('target', "SET PERSIST binlog_row_image = 'MINIMAL'");
  await choose(page, 'way', 'Create Reverse Task');
  await picture(page, 'reverse-note');
  await note(page);
  await row(page, 'way-reverse').getByText('Precheck Failed', { exact: true }).waitFor();
  // If the precheck fails, click View Cause, then View Details in the Check Result column of the failed item.
  await row(page, 'way-reverse').getByRole('button', { name: 'View Cause' }).click();
  await page.getByRole('columnheader', { name: 'Check Result' }).waitFor();
  await page.getByRole('button', { name: 'View Details' }).first().click();
  await page.getByText("SET PERSIST binlog_row_image = 'FULL'").or(page.getByText(/binlog_row_image/)).first().waitFor();
  await picture(page, 'precheck-failed');
  // Follow the instructions to fix the issue and run the precheck again.
  sql('target', "SET PERSIST binlog_row_image = 'FULL'");
  await page.getByRole('button', { name: 'Precheck Again' }).click();
  await status('way-reverse', 'Collecting');
  await page.keyboard.press('Escape');
  const reverse = row(page, 'way-reverse');
  await reverse.getByText('Performing Initial Synchronization', { exact: true }).waitFor();
  // If Auto Refresh is disabled, click the Refresh icon to refresh the status.
  await page.getByRole('switch', { name: 'Auto Refresh' }).click();
  await page.getByRole('button', { name: 'Refresh' }).click();
  await reverse.getByText('Performing Initial Synchronization', { exact: true }).waitFor();
  await page.getByRole('switch', { name: 'Auto Refresh' }).click();

  // What is written in the target from now on flows back later.
  sql('target', `INSERT INTO ${TABLE} VALUES (10, 'target')`);
  // Starting it before the forward task is paused is impossible, and says why.
  await page.getByTitle('Actions: way-reverse', { exact: true }).click();
  const locked = page.getByRole('menuitem', { name: 'Start Reverse Task' });
  await page.getByRole('menuitem', { name: 'Start Reverse Task' }).and(page.locator('[aria-disabled=true]')).waitFor();
  assert.match((await locked.textContent()) + ((await locked.getAttribute('aria-description')) ?? ''), /can still write; pause it first/);
  await picture(page, 'start-reverse-locked');
  await page.keyboard.press('Escape');

  // Step 2. Pause the forward synchronization instance.
  await choose(page, 'way', 'Pause Task');
  await note(page);
  const said = page.getByRole('dialog', { name: 'The task is paused.' });
  await said.waitFor();
  await picture(page, 'the-task-is-paused');
  await said.getByRole('button', { name: 'OK', exact: true }).click();
  await row(page, 'way').getByText('Paused', { exact: true }).waitFor();

  // Step 3. Start the reverse instance: click its ID, then choose in its Actions.
  await row(page, 'way-reverse').getByRole('link', { name: 'way-reverse', exact: true }).click();
  await page.getByRole('heading', { name: 'way-reverse' }).waitFor();
  await choose(page, 'way-reverse', 'Start Reverse Task');
  await note(page);
  await status('way-reverse', 'Synchronizing');
  await page.getByText('Running', { exact: true }).first().waitFor();
  await until('what was written in the target is in the source', () => same(TABLE));
  // The original instance cannot be started directly.
  const forward = await ask('GET', '/instances/way');
  assert.ok(forward.locked.some((one) => one.action === 'start'), JSON.stringify(forward.locked));
});

scene('terminate an instance', {}, async (page) => {
  await page.getByRole('menuitem', { name: 'Data Synchronization' }).click();
  await row(page, 'way').waitFor();
  // Select the instance; in the lower part of the page, click Stop Task; in the message, OK.
  await row(page, 'way').getByRole('checkbox').check();
  const bar = page.getByRole('region', { name: 'Selected tasks' }).or(page.getByRole('toolbar', { name: 'Selected tasks' }));
  await bar.getByRole('button', { name: 'Stop Task' }).click();
  await picture(page, 'stop-note');
  await note(page);
  await status('way', 'Completed');
  await row(page, 'way').getByText('Completed', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  // To terminate an instance in the Running state, use its menu.
  await page.goto(page.url());
  await choose(page, 'way-reverse', 'Stop Task');
  await note(page);
  await status('way-reverse', 'Completed');
  await row(page, 'way-reverse').getByText('Completed', { exact: true }).waitFor();
  // It cannot be restarted, and says so.
  const ended = await ask('GET', '/instances/way');
  assert.deepEqual(ended.commands, ['release']);
  // What to do next is listed.
  await page.goto(new URL(`/tasks/${ended.id}`, page.url()).href);
  await page.getByRole('link', { name: 'Clean-up' }).click();
  await page.getByText(/tidegate/).first().waitFor();
  await picture(page, 'clean-up');
});

scene('on a telephone', { viewport: NARROW, scheme: 'dark', language: 'zh-CN' }, async (page) => {
  await page.getByRole('heading', { name: '数据同步任务' }).waitFor();
  // A short screen shows the first of a list only.
  await page.getByPlaceholder('实例 ID、名称或地址').fill('way');
  await page.getByRole('link', { name: 'way', exact: true }).waitFor();
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wider, 0, 'the page is wider than the screen');
  await picture(page, 'telephone');
});
