// The same as what was entered, as commands. Passwords are never in them.
import { toObjects } from './choice';
import { type Draft, type End, optionsOf, requestOf, urlOf } from './draft';

/** A word of a shell, in which it means only itself. */
export function word(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const GIB_MIB = 1024;

function objectOptions(draft: Draft): string[] {
  const objects = toObjects(draft.choice);
  // Nothing is chosen yet; a command without a choice would take everything.
  const include = objects.include.length > 0 || draft.choice.isEverything ? objects.include : ['DATABASE.*'];
  const each = (option: string, values: string[]) => values.map((value) => `--${option} ${word(value)}`);
  const rules = objects.rules.flatMap((rule) => [
    ...(rule.where ? each('where', [`${rule.tables}: ${rule.where}`]) : []),
    ...(rule.columns ? each('columns', [`${rule.tables}: ${rule.columns}`]) : []),
    ...(rule.changes ? each('changes', [`${rule.tables}: ${rule.changes.join(', ')}`]) : []),
    ...(rule.schema_changes ? each('schema-changes', [`${rule.tables}: ${rule.schema_changes.join(', ')}`]) : []),
  ]);
  return [...each('include', include), ...each('exclude', objects.exclude), ...each('rename', objects.rename), ...rules, ...(objects.existing === 'keep' ? ['--existing keep'] : [])];
}

function tuningOptions({ tuning }: Draft): string[] {
  return [
    ...(tuning.lanes ? [`--lanes ${tuning.lanes}`] : []),
    ...(tuning.copyWorkers ? [`--copy-workers ${tuning.copyWorkers}`] : []),
    ...(tuning.logGib ? [`--log-limit ${Number.isInteger(tuning.logGib) ? `${tuning.logGib}GiB` : `${Math.round(tuning.logGib * GIB_MIB)}MiB`}`] : []),
    ...(tuning.retryHours ? [`--retry-for ${Math.round(tuning.retryHours * 60)}m`] : []),
  ];
}

const lines = (parts: string[]) => parts.join(' \\\n  ');
const nameOf = (draft: Draft) => word(draft.name.trim() || 'NAME');

/** For `tidegate`. Passwords come from the environment. */
export function cli(draft: Draft, isNew: boolean): string {
  const begin = `tidegate instance ${isNew ? 'create' : 'configure'} ${nameOf(draft)}`;
  const kind = draft.kind === 'migration' ? ['--kind migration', ...(draft.fullOnly ? ['--full-only'] : [])] : [];
  const ends = [`--source ${word(urlOf(draft.source))}`, `--target ${word(urlOf(draft.target))}`];
  return [
    'read -rsp "Source password: " TIDEGATE_SOURCE_PASSWORD; export TIDEGATE_SOURCE_PASSWORD',
    'read -rsp "Target password: " TIDEGATE_TARGET_PASSWORD; export TIDEGATE_TARGET_PASSWORD',
    lines([begin, ...kind, ...ends, ...objectOptions(draft), ...tuningOptions(draft)]),
    `tidegate instance precheck ${nameOf(draft)}`,
    `tidegate instance show ${nameOf(draft)}     # the precheck's items`,
    `tidegate instance start ${nameOf(draft)}`,
  ].join('\n');
}

function endJson(end: End): Record<string, unknown> {
  const options = optionsOf(end);
  const region = end.region ? { region: end.region } : {};
  if (end.engine === 'mongodb') return { url: urlOf(end), ...region };
  return {
    engine: end.engine,
    host: end.host.trim(),
    ...(end.port ? { port: end.port } : {}),
    user: end.user.trim(),
    ...(Object.keys(options).length > 0 ? { options } : {}),
    ...region,
  };
}

/** The body without passwords, and without what is left to the service to choose. */
export function body(draft: Draft): string {
  const request = requestOf(draft);
  const tuning = Object.fromEntries(Object.entries(request.tuning ?? {}).filter(([, value]) => value !== null));
  const objects = request.objects && !draft.choice.isEverything && request.objects.include.length === 0 ? { ...request.objects, include: ['DATABASE.*'] } : request.objects;
  const whole = { ...request, objects, source: endJson(draft.source), target: endJson(draft.target), ...(Object.keys(tuning).length > 0 ? { tuning } : { tuning: undefined }) };
  return JSON.stringify(whole, null, 2);
}

/** For `curl`; `jq` puts the passwords in from the environment, so that no list of processes shows them. */
export function curl(draft: Draft, id: string | null): string {
  const at = id ? `/${encodeURIComponent(id)}` : '';
  const head = '-H "Authorization: Bearer $TIDEGATE_TOKEN"';
  const json = `${body(draft)}\n| .source.password = env.TIDEGATE_SOURCE_PASSWORD\n| .target.password = env.TIDEGATE_TARGET_PASSWORD`;
  const after = id ? encodeURIComponent(id) : nameOf(draft);
  return [
    `jq -n '${json.replaceAll("'", "'\\''")}' \\`,
    `| curl -sS -X ${id ? 'PUT' : 'POST'} "$TIDEGATE_SERVER/api/v1/instances${at}" ${head} \\`,
    `    -H 'Content-Type: application/json' --data @-`,
    `curl -sS -X POST "$TIDEGATE_SERVER/api/v1/instances/${after}/precheck" ${head}`,
    `curl -sS "$TIDEGATE_SERVER/api/v1/instances/${after}" ${head}     # .precheck`,
    `curl -sS -X POST "$TIDEGATE_SERVER/api/v1/instances/${after}/start" ${head}`,
  ].join('\n');
}
