// Which tables take part, as a person ticks them, and as patterns: the patterns are what is kept.
import type { Schemas } from '../api/client';
import { covers, databaseOf, databasePattern, matches, type Pattern, parsePattern, tablePattern } from './pattern';

/** What is left out of a rule is as without it. */
export type Rule = { tables: string } & Partial<Schemas['ObjectRule']>;
export type Objects = Omit<Required<Schemas['Objects']>, 'rules'> & { rules: Rule[] };

export const NOTHING: Objects = { include: [], exclude: [], rename: [], existing: 'refuse', rules: [] };

/** What the patterns say. */
export interface Choice {
  /** Everything on the server: the service's own way to say so is to name nothing. */
  isEverything: boolean;
  objects: Objects;
}

interface Read {
  text: string;
  pattern: Pattern;
}

const read = (texts: string[]): Read[] =>
  texts.flatMap((text) => {
    const pattern = parsePattern(text);
    return pattern ? [{ text, pattern }] : [];
  });

export interface Selector {
  selects: (database: string, table: string) => boolean;
  /** Tables that come later are in it, too. */
  hasWhole: (database: string) => boolean;
}

/** Reads the patterns once for many tables. */
export function selectorOf({ isEverything, objects }: Choice): Selector {
  const [included, excluded] = [read(objects.include), read(objects.exclude)];
  return {
    selects: (database, table) =>
      (isEverything || included.some(({ pattern }) => matches(pattern, database, table))) && !excluded.some(({ pattern }) => matches(pattern, database, table)),
    hasWhole: (database) => (isEverything || included.some(({ pattern }) => covers(pattern, database))) && !excluded.some(({ pattern }) => covers(pattern, database)),
  };
}

const withObjects = (choice: Choice, objects: Partial<Objects>): Choice => ({ ...choice, objects: { ...choice.objects, ...objects } });
const isOf = (database: string) => (text: string) => {
  const pattern = parsePattern(text);
  return !!pattern && databaseOf(pattern) === database;
};

/** A whole database, with what will be made in it later; or nothing of it. */
export function tickDatabase(choice: Choice, database: string, isOn: boolean): Choice {
  const others = (texts: string[]) => texts.filter((text) => !isOf(database)(text));
  const bare = withObjects(choice, { include: others(choice.objects.include), exclude: others(choice.objects.exclude) });
  const hasWhole = selectorOf(bare).hasWhole(database);
  if (isOn === hasWhole) return bare;
  const pattern = databasePattern(database);
  return isOn ? withObjects(bare, { include: [...bare.objects.include, pattern] }) : withObjects(bare, { exclude: [...bare.objects.exclude, pattern] });
}

/** One table. The others of its database stay as they are. */
export function tickTable(choice: Choice, database: string, table: string, isOn: boolean, siblings: string[]): Choice {
  const own = tablePattern(database, table);
  const { include, exclude } = choice.objects;
  const bare = withObjects(choice, { include: include.filter((text) => text !== own), exclude: exclude.filter((text) => text !== own) });
  if (selectorOf(bare).selects(database, table) === isOn) return bare;
  if (!isOn) return withObjects(bare, { exclude: [...bare.objects.exclude, own] });
  const whole = databasePattern(database);
  if (!bare.objects.exclude.includes(whole)) return withObjects(bare, { include: [...bare.objects.include, own] });
  // The database was left out as a whole: from now on only its other tables are.
  const opened = withObjects(bare, { exclude: bare.objects.exclude.filter((text) => text !== whole) });
  const left = siblings.filter((sibling) => sibling !== table && selectorOf(opened).selects(database, sibling));
  const shut = withObjects(opened, { exclude: [...opened.objects.exclude, ...left.map((sibling) => tablePattern(database, sibling))] });
  return selectorOf(shut).selects(database, table) ? shut : withObjects(shut, { include: [...shut.objects.include, own] });
}

/** The pattern that keeps a table out however it is ticked; null if a tick can bring it in. */
export function keptOutBy(choice: Choice, database: string, table: string): string | null {
  const own = [tablePattern(database, table), databasePattern(database)];
  return read(choice.objects.exclude).find(({ text, pattern }) => !own.includes(text) && matches(pattern, database, table))?.text ?? null;
}

/** The other name of a table or a database in the target, as it was given. */
export function renamed(objects: Objects, from: string): string | null {
  const found = objects.rename.find((text) => text.startsWith(`${from}=`));
  return found ? found.slice(from.length + 1) : null;
}

export function withRename(objects: Objects, from: string, to: string | null): Objects {
  const others = objects.rename.filter((text) => !text.startsWith(`${from}=`));
  return { ...objects, rename: to ? [...others, `${from}=${to}`] : others };
}

export const ruleFor = (objects: Objects, tables: string): Rule | null => objects.rules.find((rule) => rule.tables === tables) ?? null;

/** Rules for one table come before those for many: the first that fits is a table's rule. */
export function withRule(objects: Objects, rule: Rule, isKept: boolean): Objects {
  const others = objects.rules.filter((one) => one.tables !== rule.tables);
  if (!isKept) return { ...objects, rules: others };
  const isForMany = (one: Rule) => /[*?]/.test(one.tables);
  return { ...objects, rules: [...others, rule].sort((one, other) => Number(isForMany(one)) - Number(isForMany(other))) };
}

/** As the service takes it. */
export const toObjects = ({ isEverything, objects }: Choice): Objects => (isEverything ? { ...objects, include: [] } : objects);

// The service says what is left out, too.
function given(rule: Partial<Schemas['ObjectRule']>): Rule {
  return { ...Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== null)), tables: rule.tables ?? '' };
}

export const fromObjects = (objects: Schemas['Objects']): Choice => ({
  isEverything: (objects.include ?? []).length === 0,
  objects: { ...NOTHING, ...objects, rules: (objects.rules ?? []).map(given) },
});
