// A task between MongoDB deployments, through the wizard, to a target that is the same.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { ask, close, picture, python, scene, stage, streaming, until } from './stage.mjs';

const FOUND = "print(sorted(str(one) for one in client.shop.item.find()), client.shop.list_collection_names(filter={'name': 'left_out'}))";

before(() => python('source', "client.shop.item.insert_many([{'_id': 1, 'tags': [1, 2]}, {'_id': 'two'}])\nclient.shop.left_out.insert_one({})"));
after(close);

scene('create and start a task of MongoDB', {}, async (page) => {
  await page.getByRole('link', { name: 'Create Task' }).or(page.getByRole('button', { name: 'Create Task' })).first().click();
  await page.getByLabel('Task Name').fill('mongo');
  await page.getByLabel('Source Database: Database Type').click();
  await page.getByTitle('MongoDB').last().click();
  for (const side of ['source', 'target']) {
    const { hosts, set, password } = stage.mongodb[side];
    // The other end follows: both are of one kind.
    await page.locator(`#${side}_replicaSet`).fill(set);
    await page.locator(`#${side}_host`).fill(hosts);
    await page.locator(`#${side}_user`).fill('root');
    await page.locator(`#${side}_password`).fill(password);
  }
  await page.getByRole('button', { name: 'Test Connectivity: Source Database' }).click();
  await page.getByText(/answered in \d+ ms and takes the account/).first().waitFor();
  await picture(page, 'wizard-mongodb-ends');
  await page.getByRole('button', { name: 'Test Connectivity and Proceed' }).click();

  await page.getByRole('tree').waitFor();
  await page.getByPlaceholder('Search databases and tables').fill('item');
  await page.getByRole('treeitem', { name: /item/ }).first().locator('.ant-tree-checkbox').click();
  await until('the collection is chosen', async () => (await page.getByText(/1 table is selected|1 tables are selected/).count()) > 0);
  await picture(page, 'wizard-mongodb-objects');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByText('Synchronization Types').first().waitFor();
  await page.getByRole('button', { name: 'Next: Save Task Settings and Precheck' }).click();
  await page.getByText('The precheck has passed. The task can be started.').waitFor();
  await picture(page, 'wizard-mongodb-precheck');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await page.getByRole('button', { name: 'Start Task' }).click();
  await streaming('mongo');
  python('source', "client.shop.item.insert_one({'_id': 3.5})\nclient.shop.item.update_one({'_id': 1}, {'$push': {'tags': 3}})");
  const wanted = python('source', FOUND).replace("['left_out']", '[]');
  await until('both sides are the same', () => python('target', FOUND) === wanted);

  const made = await ask('GET', '/instances/mongo');
  assert.ok(made.source.url.startsWith('mongodb://root@127.0.0.1:'), made.source.url);
  assert.ok(!JSON.stringify(made).includes(stage.mongodb.source.password));
  await page.getByText('Throughput').first().waitFor();
  await picture(page, 'task-mongodb');
});
