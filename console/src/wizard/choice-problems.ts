// What is wrong with a choice of objects before the service is asked.
import type { Choice } from './choice';
import { parsePattern } from './pattern';

interface Said {
  none: string;
  bad: (pattern: string) => string;
  badRename: (text: string) => string;
}

export function isRename(text: string): boolean {
  const at = text.indexOf('=');
  return at > 0 && !!parsePattern(text.slice(0, at)) && !!parsePattern(text.slice(at + 1));
}

export function problemsOf({ isEverything, objects }: Choice, said: Said): string[] {
  const patterns = [...(isEverything ? [] : objects.include), ...objects.exclude, ...objects.rules.map((rule) => rule.tables)];
  return [
    ...(!isEverything && objects.include.length === 0 ? [said.none] : []),
    ...patterns.filter((text) => !parsePattern(text)).map(said.bad),
    ...objects.rename.filter((text) => !isRename(text)).map(said.badRename),
  ];
}
