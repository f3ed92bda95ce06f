// Figures of a list with thousands of tasks. Not a test: it prints what it measures beside the goals.
import { ask, close, open, stage, WIDE } from './stage.mjs';

const REPEATS = 20;
const GOALS = { first_page_ms: 200, first_load_ms: 1000, bundle_kb: 700, frame_p95_ms: 34, filter_ms: 300 };

const sorted = (values) => [...values].sort((one, other) => one - other);
const quantile = (values, at) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * at))];

async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

const figures = {};
const pages = [];
const searches = [];
await ask('GET', '/instances?limit=1');
for (let turn = 0; turn < REPEATS; turn += 1) {
  pages.push(await timed(() => ask('GET', '/instances?limit=100&kind=sync,reverse&sort=created_at&order=descending')));
  searches.push(await timed(() => ask('GET', `/instances?limit=100&search=task-0${turn}`)));
}
figures.first_page_ms = quantile(pages, 0.5);
figures.first_page_longest_ms = Math.max(...pages);
figures.search_ms = quantile(searches, 0.5);

// With nothing kept by the browser, from the address to the first rows.
const loads = [];
let bytes = 0;
for (let turn = 0; turn < 5; turn += 1) {
  const { page, context } = await open({ viewport: WIDE });
  const cookies = await context.cookies();
  await context.close();
  const { page: fresh, context: anew } = await open({ loggedIn: false });
  await anew.addCookies(cookies);
  loads.push(
    await timed(async () => {
      await fresh.goto(`${stage.url}/sync`);
      await fresh.getByRole('link', { name: /^task-\d{5}$/ }).first().waitFor();
    }),
  );
  bytes = await fresh.evaluate(() => performance.getEntriesByType('resource').filter((one) => one.name.includes('/assets/')).reduce((sum, one) => sum + one.encodedBodySize, 0));
  await anew.close();
  void page;
}
figures.first_load_ms = quantile(loads, 0.5);
figures.first_load_kb = bytes / 1000;

const { page } = await open({ viewport: WIDE });
await page.getByRole('link', { name: /^task-\d{5}$/ }).first().waitFor();
const frames = await page.evaluate(async () => {
  const all = [...document.querySelectorAll('*')].filter((one) => one.scrollHeight > one.clientHeight + 200 && /auto|scroll/.test(getComputedStyle(one).overflowY));
  const scrolled = all.sort((one, other) => other.scrollHeight - one.scrollHeight)[0] ?? document.querySelector('.ant-table-tbody-virtual-holder') ?? document.scrollingElement;
  const between = [];
  let last = performance.now();
  for (let step = 0; step < 240; step += 1) {
    scrolled.dispatchEvent(new WheelEvent('wheel', { deltaY: 120, bubbles: true, cancelable: true }));
    scrolled.scrollTop += 120;
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const now = performance.now();
    between.push(now - last);
    last = now;
  }
  return between.slice(5);
});
figures.frame_p50_ms = quantile(frames, 0.5);
figures.frame_p95_ms = quantile(frames, 0.95);
const filters = [];
const search = page.getByPlaceholder('Instance ID, name or address');
for (const at of ['00123', '02345', '04321', '00001', '03999']) {
  filters.push(
    await timed(async () => {
      await search.fill(`task-${at}`);
      await page.getByRole('link', { name: `task-${at}`, exact: true }).waitFor();
      await page.waitForFunction(() => document.querySelectorAll('[role=row] a[href^="/tasks/"]').length <= 2);
    }),
  );
}
figures.filter_ms = quantile(filters, 0.5);
await close();

if (stage.json) {
  console.log(JSON.stringify({ tasks: stage.count, ...figures }));
} else {
  console.log(`${stage.count} tasks`);
  for (const [name, value] of Object.entries(figures)) {
    const goal = GOALS[name];
    const verdict = goal === undefined ? '' : value <= goal ? `  goal ${goal}: met` : `  goal ${goal}: MISSED`;
    console.log(`${name.padEnd(24)}${value.toFixed(1).padStart(9)}${verdict}`);
  }
}
