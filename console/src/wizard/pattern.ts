// Patterns as the service reads them: `database.table` with `*` and `?`, back-ticks around odd names, `\` before a character
// that means itself.

type Piece = { char: string } | 'one' | 'many';

export interface Pattern {
  database: Piece[];
  table: Piece[];
}

/** Null if it is none. */
export function parsePattern(text: string): Pattern | null {
  const parts: Piece[][] = [[]];
  let isQuoted = false;
  const chars = [...text];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] as string;
    const part = parts.at(-1) as Piece[];
    if (char === '`') isQuoted = !isQuoted;
    else if (char === '\\') {
      const next = chars[(at += 1)];
      if (next === undefined) return null;
      part.push({ char: next });
    } else if (char === '.' && !isQuoted) parts.push([]);
    else if (char === '*' && !isQuoted) part.push('many');
    else if (char === '?' && !isQuoted) part.push('one');
    else part.push({ char });
  }
  const [database, table] = parts;
  if (isQuoted || parts.length !== 2 || !database?.length || !table?.length) return null;
  return { database, table };
}

function fits(pieces: Piece[], name: string): boolean {
  const chars = [...name];
  let [at, read] = [0, 0];
  let retry: [number, number] | null = null;
  while (read < chars.length) {
    const piece = pieces[at];
    if (piece === 'many') {
      retry = [at + 1, read];
      at += 1;
    } else if (piece === 'one' || (typeof piece === 'object' && piece.char === chars[read])) {
      at += 1;
      read += 1;
    } else if (retry) {
      retry = [retry[0], retry[1] + 1];
      [at, read] = retry;
    } else return false;
  }
  return pieces.slice(at).every((piece) => piece === 'many');
}

export function matches(pattern: Pattern, database: string, table: string): boolean {
  return fits(pattern.database, database) && fits(pattern.table, table);
}

/** Every table of the database, also those that come later. */
export function covers(pattern: Pattern, database: string): boolean {
  return fits(pattern.database, database) && pattern.table.length === 1 && pattern.table[0] === 'many';
}

const literal = (pieces: Piece[]) => (pieces.every((piece) => typeof piece === 'object') ? pieces.map((piece) => (piece as { char: string }).char).join('') : null);

/** The database that it means, if it means one. */
export const databaseOf = (pattern: Pattern) => literal(pattern.database);

/** A name in a pattern, in which it means only itself. */
export function quoted(name: string): string {
  return /^[\p{L}\p{N}_$-]+$/u.test(name) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``;
}

export const tablePattern = (database: string, table: string) => `${quoted(database)}.${quoted(table)}`;
export const databasePattern = (database: string) => `${quoted(database)}.*`;
