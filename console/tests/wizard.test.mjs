// A task from nothing, through the wizard, to a target that is the same.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { ask, close, picture, same, scene, sql, stage, streaming, until } from './stage.mjs';

const PASSWORD = 'not-to-be-shown-7391';

before(() => {
  sql('source', 'CREATE DATABASE wiz; CREATE TABLE wiz.kept (id INT PRIMARY KEY, text VARCHAR(20)); CREATE TABLE wiz.left_out (id INT PRIMARY KEY); INSERT INTO wiz.kept VALUES (1, "a"), (2, "b"); INSERT INTO wiz.left_out VALUES (1)');
  for (const side of ['source', 'target']) sql(side, `CREATE USER wizard@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO wizard@'%' WITH GRANT OPTION`);
});
after(close);

// The service refuses the wrong password, which a browser notes.
scene('create, precheck and start a task', { expected: /status of 4(00|24)/ }, async (page) => {
  await page.getByRole('link', { name: 'Create Task' }).or(page.getByRole('button', { name: 'Create Task' })).first().click();
  await page.getByRole('heading', { name: 'Create Synchronization Task' }).waitFor();
  await page.getByLabel('Task Name').fill('wiz');
  for (const side of ['source', 'target']) {
    await page.locator(`#${side}_host`).fill(stage[side].host);
    await page.locator(`#${side}_port`).fill(String(stage[side].port));
    await page.locator(`#${side}_user`).fill('wizard');
    await page.locator(`#${side}_password`).fill(side === 'source' ? 'wrong' : PASSWORD);
  }
  // A wrong password is said where it was given.
  await page.getByRole('button', { name: 'Test Connectivity: Source Database' }).click();
  await page.getByText(/Access denied/).first().waitFor();
  await picture(page, 'wizard-refused');
  await page.locator('#source_password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Test Connectivity: Source Database' }).click();
  await page.getByText(/answered in \d+ ms and takes the account/).first().waitFor();
  await picture(page, 'wizard-ends');
  await page.getByRole('button', { name: 'Test Connectivity and Proceed' }).click();

  // Objects: a database, without one of its tables.
  await page.getByRole('tree').waitFor();
  await page.getByPlaceholder('Search databases and tables').fill('wiz');
  await page.getByRole('treeitem', { name: /wiz/ }).first().locator('.ant-tree-checkbox').click();
  await until('the database is chosen', async () => (await page.getByText(/2 tables are selected/).count()) > 0);
  await picture(page, 'wizard-objects');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByText('Synchronization Types').first().waitFor();
  await picture(page, 'wizard-settings');
  await page.getByRole('button', { name: 'Next: Save Task Settings and Precheck' }).click();
  await page.getByText('The precheck has passed. The task can be started.').waitFor();
  await picture(page, 'wizard-precheck');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByText('wiz is ready to be started').waitFor();
  assert.ok(!(await page.content()).includes(PASSWORD), 'the page shows a password');
  await picture(page, 'wizard-start');
  await page.getByRole('button', { name: 'Start Task' }).click();
  await streaming('wiz');
  sql('source', "INSERT INTO wiz.kept VALUES (3, 'c'); UPDATE wiz.kept SET text = 'B' WHERE id = 2");
  await until('both sides are the same', () => same('wiz.kept') && same('wiz.left_out'));
  const made = await ask('GET', '/instances/wiz');
  assert.ok(!JSON.stringify(made).includes(PASSWORD));
});
