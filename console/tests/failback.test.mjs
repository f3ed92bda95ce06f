// There and back on the failback page, with a conflict on the way.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { ask, close, picture, running, same, scene, sql, stage, status, streaming, until } from './stage.mjs';

const TABLE = 'back.entry';
let id;

before(async () => {
  sql('source', `CREATE DATABASE back; CREATE TABLE ${TABLE} (id INT PRIMARY KEY, at_side VARCHAR(10)); INSERT INTO ${TABLE} VALUES (1, 'source'), (2, 'source')`);
  for (const side of ['source', 'target']) sql(side, `CREATE USER application@'%'; GRANT ALL ON back.* TO application@'%'`);
  id = (await running('back', 'back')).id;
});
after(close);

scene('create the reverse, switch over, fail back', {}, async (page) => {
  await page.goto(`${stage.url}/failback/${id}`);
  await page.getByRole('button', { name: 'Create Reverse Task' }).click();
  await page.getByRole('dialog', { name: 'Note' }).getByRole('button', { name: /OK|Create Reverse Task/ }).click();
  await page.getByRole('dialog', { name: 'The reverse task is created.' }).getByRole('button', { name: 'OK' }).click();
  await status('back-reverse', 'Collecting');
  await page.getByRole('button', { name: /^(swap |lock )?Switchover$/ }).waitFor();
  await page.getByText('Nothing is in the way.').waitFor();
  await picture(page, 'failback-ready');
  await page.getByRole('button', { name: /^(swap |lock )?Switchover$/ }).click();
  await page.getByRole('dialog', { name: 'Note' }).waitFor();
  await picture(page, 'failback-note');
  await page.getByRole('dialog', { name: 'Note' }).getByRole('button', { name: 'Switchover' }).click();
  await until('the reverse writes', async () => {
    const now = await ask('GET', '/instances/back-reverse');
    return now.may_write && now.status === 'Synchronizing';
  });
  await page.getByRole('button', { name: /^(swap |lock )?Failback$/ }).waitFor();
  await picture(page, 'failback-turned');
  // Applications write on the other side now, and not on this one.
  sql('target', `INSERT INTO ${TABLE} VALUES (10, 'target')`, 'application');
  await until('it flows back', () => same(TABLE));
  assert.throws(() => sql('source', `INSERT INTO ${TABLE} VALUES (11, 'source')`, 'application'), /read.only/i);
  await page.getByText('Nothing is in the way.').waitFor();
  await page.getByRole('button', { name: /^(swap |lock )?Failback$/ }).click();
  await page.getByRole('dialog', { name: 'Note' }).getByRole('button', { name: 'Failback' }).click();
  await until('the forward task writes', async () => {
    const now = await ask('GET', '/instances/back');
    return now.may_write && now.status === 'Synchronizing';
  });
  await page.getByRole('button', { name: /^(swap |lock )?Switchover$/ }).waitFor();
  sql('source', `INSERT INTO ${TABLE} VALUES (20, 'source')`, 'application');
  await until('it flows forth', () => same(TABLE));
  await picture(page, 'failback-home');
});

scene('a conflict side by side', {}, async (page) => {
  await streaming('back');
  // Somebody changes a row behind the fence, then the source changes it, too.
  sql('target', `SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF; UPDATE ${TABLE} SET at_side = 'meddled' WHERE id = 2`);
  sql('source', `UPDATE ${TABLE} SET at_side = 'source 2' WHERE id = 2`);
  await status('back', 'Failed');
  await page.goto(`${stage.url}/failback/${id}`);
  for (const text of ['source', 'meddled', 'source 2']) await page.getByText(text).first().waitFor();
  await page.getByText(/^Expected/).first().waitFor();
  await picture(page, 'conflict');
  // The first decides about all that there are, the second about this one.
  await page.getByRole('button', { name: 'Keep source' }).nth(1).click();
  await page.getByRole('dialog', { name: /entry/ }).getByRole('button', { name: 'Keep source' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'OK', exact: true }).click();
  await page.getByRole('button', { name: 'Resume Task' }).first().click();
  await page.getByRole('dialog', { name: 'Note' }).getByRole('button', { name: /OK|Resume Task/ }).click();
  await streaming('back');
  await until('the source wins', () => same(TABLE));
});
