// Tags as a person types them: one a line.
import type { Instance } from '../api/client';

export type Tags = Record<string, string>;

export function tagsText(instance: Instance): string {
  return Object.entries(instance.tags ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join('\n');
}

export function tagsOf(text: string): Tags {
  const lines = text.split('\n').map((line) => line.trim());
  const pairs = lines.filter((line) => line !== '').map((line) => line.split('=', 2) as [string, string?]);
  return Object.fromEntries(pairs.map(([key, value]) => [key.trim(), value?.trim() ?? '']));
}
