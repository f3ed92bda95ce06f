// A row as the service writes it for people: `(id=42, state='paid')`. Values are not escaped, so a text may look like more
// columns than there are: what is not clear is not taken apart.

const CELL = /([^=,]+)=(NULL|-?\d[\d.eE+-]*|'[^']*'…?|0x[0-9a-f]*…?)(?:, |$)/y;

/** Its columns in their order; null if it cannot be told for sure. An absent row has none. */
export function columnsOf(row: string): Map<string, string> | null {
  if (row === '' || row === 'not there') return new Map();
  if (!row.startsWith('(') || !row.endsWith(')')) return null;
  const inner = row.slice(1, -1);
  const columns = new Map<string, string>();
  CELL.lastIndex = 0;
  for (let at = 0; at < inner.length; at = CELL.lastIndex) {
    const cell = CELL.exec(inner);
    if (!cell?.[1] || cell[2] === undefined || columns.has(cell[1])) return null;
    columns.set(cell[1], cell[2]);
  }
  return columns;
}

/** All rows with columns have the same ones: else one of them was taken apart wrongly. */
export function areAlike(rows: (Map<string, string> | null)[]): boolean {
  if (rows.some((row) => row === null)) return false;
  const names = rows.filter((row) => row && row.size > 0).map((row) => [...(row as Map<string, string>).keys()].join('\n'));
  return new Set(names).size <= 1;
}
