// Names that would be scripts if anything took them for HTML; pages of other sites; frames.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { ask, close, endpoint, open, picture, running, scene, sql, stage, status, until } from './stage.mjs';

const CORPUS = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(2)>',
  '"><svg onload=alert(3)>',
  "'-alert(4)-'",
  'javascript:alert(5)',
  '{{constructor.constructor("alert(6)")()}}',
  '<iframe srcdoc="<script>alert(7)</script>">',
];
const quoted = (name) => `\`${name.replaceAll('`', '``')}\``;
const DATABASE = 'evil<b>&"';

before(async () => {
  const tables = CORPUS.map((name) => `CREATE TABLE ${quoted(DATABASE)}.${quoted(name)} (${quoted(`${name}c`)} INT PRIMARY KEY); INSERT INTO ${quoted(DATABASE)}.${quoted(name)} VALUES (1)`);
  sql('source', `CREATE DATABASE ${quoted(DATABASE)}; ${tables.join('; ')}`);
  await ask('POST', '/instances', { name: 'evil', kind: 'sync', source: endpoint('source'), target: endpoint('target'), objects: { include: ['evil*.*'] } });
  // Its precheck fails, with these names in what it says.
  sql('target', `CREATE DATABASE ${quoted(DATABASE)}; CREATE TABLE ${quoted(DATABASE)}.${quoted(CORPUS[0])} (a INT PRIMARY KEY); INSERT INTO ${quoted(DATABASE)}.${quoted(CORPUS[0])} VALUES (7)`);
  await ask('POST', '/instances/evil/precheck', {});
  await status('evil', 'PrecheckFailed');
});
after(close);

/** Whether anything of the corpus has become part of the page. */
async function isOnlyText(page) {
  const made = await page.evaluate(() => document.querySelectorAll('script:not([src]), iframe, [onerror], [onload], [srcdoc], a[href^="javascript:"]').length);
  assert.equal(made, 0, 'a name has become a part of the page');
}

scene('names are text: errors, trees, tables', {}, async (page) => {
  await page.getByRole('link', { name: 'evil', exact: true }).waitFor();
  await page.getByRole('button', { name: 'View Cause' }).first().click();
  await page.getByRole('button', { name: 'View Details' }).first().click();
  await page.getByText('<script>alert(1)</script>').first().waitFor();
  await isOnlyText(page);
  await picture(page, 'hostile-cause');
  sql('target', `DROP DATABASE ${quoted(DATABASE)}`);
  await ask('POST', '/instances/evil/start', {});
  await until('it runs', async () => (await ask('GET', '/instances/evil')).progress?.step === 'streaming');
  const { id } = await ask('GET', '/instances/evil');
  await page.goto(`${stage.url}/tasks/${id}?tab=tables`);
  await page.getByText('<img src=x onerror=alert(2)>').first().waitFor();
  await isOnlyText(page);
  await picture(page, 'hostile-tables');
  await page.goto(`${stage.url}/configure/${id}`);
  await isOnlyText(page);
});

scene('names are text: what is typed and searched', {}, async (page) => {
  const search = page.getByPlaceholder('Instance ID, name or address');
  for (const text of CORPUS) {
    await search.fill(text);
    await page.getByText('No task fits these filters.').waitFor();
    await isOnlyText(page);
  }
});

scene('names are text: tags, the audit, rows of a conflict', {}, async (page) => {
  await ask('PUT', '/instances/evil/tags', { [CORPUS[1].slice(0, 60)]: CORPUS[0] });
  // Whoever asks for an instance with such a name leaves it in the audit.
  await assert.rejects(ask('POST', `/instances/${encodeURIComponent(CORPUS[2])}/pause`, {}), /404/);
  await page.reload();
  await page.getByRole('link', { name: 'evil', exact: true }).waitFor();
  await page.getByPlaceholder(/Tag/).fill(CORPUS[1]);
  await isOnlyText(page);
  await page.goto(`${stage.url}/audit`);
  await page.getByText(CORPUS[2]).first().waitFor();
  await isOnlyText(page);
  await picture(page, 'hostile-audit');
  sql('source', `CREATE DATABASE torn; CREATE TABLE torn.t (id INT PRIMARY KEY, text VARCHAR(90)); INSERT INTO torn.t VALUES (1, 'a')`);
  const { id } = await running('torn', 'torn');
  await ask('POST', '/instances/torn/reverse', {});
  await status('torn-reverse', 'Collecting');
  sql('target', `UPDATE torn.t SET text = '${CORPUS[1]}'`);
  sql('source', `UPDATE torn.t SET text = '${CORPUS[0]}'`);
  await status('torn', 'Failed');
  await page.goto(`${stage.url}/failback/${id}`);
  await page.getByText(CORPUS[1]).first().waitFor();
  await page.getByText(CORPUS[0]).first().waitFor();
  await isOnlyText(page);
  await picture(page, 'hostile-conflict');
});

test('no other site makes a browser act', async () => {
  const { page, context } = await open();
  const other = http.createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end('<title>other</title>');
  });
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
  // Another port is the same site to a cookie, which is the worst case; another name is another site.
  for (const host of ['127.0.0.1', 'localhost']) {
    await page.goto(`http://${host}:${other.address().port}/`);
    const answers = await page.evaluate(async (url) => {
      const tried = [];
      const attempt = async (path, request) => {
        try {
          const answer = await fetch(url + path, { credentials: 'include', ...request });
          tried.push(answer.type === 'opaque' ? 'sent' : String(answer.status));
        } catch {
          tried.push('refused by the browser');
        }
      };
      const body = JSON.stringify({ generation: null });
      await attempt('/api/v1/instances/evil/terminate', { method: 'POST', mode: 'no-cors', body });
      await attempt('/api/v1/instances/evil/terminate', { method: 'POST', mode: 'no-cors', body, headers: { 'Content-Type': 'text/plain' } });
      await attempt('/api/v1/instances/evil/terminate', { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'X-Tidegate-Console': '1' } });
      await attempt('/api/v1/instances', {});
      return tried;
    }, stage.url);
    assert.ok(answers.slice(2).every((one) => one === 'refused by the browser'), JSON.stringify(answers));
    // A form, as a link on another site would send it.
    await page.evaluate((url) => {
      const form = document.createElement('form');
      form.method = 'post';
      form.action = `${url}/api/v1/instances/evil/terminate`;
      document.body.append(form);
      form.submit();
    }, stage.url);
    await page.waitForURL(`${stage.url}/**`);
    assert.match(await page.content(), /TG-700/, 'it must be refused');
  }
  const now = await ask('GET', '/instances/evil');
  assert.equal(now.status, 'Synchronizing', 'another site has ended it');
  // The same request from our own page is obeyed, so the test can fail.
  await page.goto(stage.url);
  const obeyed = await page.evaluate(async () => (await fetch('/api/v1/instances/evil/pause', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json', 'X-Tidegate-Console': '1' } })).status);
  assert.equal(obeyed, 200);
  other.close();
  await context.close();
});

test('no other site frames it, and its policy lets nothing in', async () => {
  const { page, context, complaints } = await open();
  const answer = await page.goto(stage.url);
  const policy = answer.headers()['content-security-policy'];
  for (const part of ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"]) assert.ok(policy.includes(part), policy);
  assert.ok(!policy.includes('unsafe'), policy);
  assert.equal(answer.headers()['x-frame-options'], 'DENY');
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.ran = true';
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => globalThis.ran), undefined, 'a script in the page ran');
  assert.ok(complaints.some((one) => one.includes('Content Security Policy')), 'the browser must have refused it');
  const other = http.createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end(`<iframe src="${stage.url}/" width=800 height=600></iframe>`);
  });
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
  await page.goto(`http://127.0.0.1:${other.address().port}/`);
  const framed = page.frames().find((frame) => frame !== page.mainFrame());
  assert.ok(!framed || (await framed.content()).includes('Tidegate') === false, 'it was shown in a frame');
  other.close();
  await context.close();
});
