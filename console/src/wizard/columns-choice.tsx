// Which columns of a table take part, and under which names.
import { Checkbox, Form, Input, Radio } from 'antd';
import { useState } from 'react';
import type { Schemas } from '../api/client';
import { useWords } from '../words';
import { dictionary } from './words';

type Column = Schemas['TreeColumn'];

interface Props {
  /** As the service reads it: `id, amount=total`, or `*, amount=total`; null for all columns as they are. */
  value: string | null;
  /** Those of the source; null if they could not be asked for. */
  columns: Column[] | null;
  onChange: (value: string | null) => void;
}

/** Each column that takes part, with its name in the target. */
function namesOf(value: string | null, columns: Column[]): Map<string, string> {
  const parts = (value ?? '*').split(',').map((part) => part.trim());
  const given = new Map(
    parts.filter((part) => part !== '*').map((part) => {
      const [from = '', to] = part.split('=').map((name) => name.trim());
      return [from.toLowerCase(), to ?? from];
    }),
  );
  const takesOthers = parts.includes('*');
  const taken = columns.filter((column) => takesOthers || given.has(column.name.toLowerCase()));
  return new Map(taken.map((column) => [column.name, given.get(column.name.toLowerCase()) ?? column.name]));
}

function textOf(names: Map<string, string>, columns: Column[]): string | null {
  const pair = (from: string, to: string) => (from === to ? from : `${from}=${to}`);
  const isAll = names.size === columns.length;
  const renamed = [...names].filter(([from, to]) => from !== to).map(([from, to]) => pair(from, to));
  if (isAll) return renamed.length === 0 ? null : ['*', ...renamed].join(', ');
  return [...names].map(([from, to]) => pair(from, to)).join(', ');
}

export function ColumnsChoice({ value, columns, onChange }: Props) {
  const words = useWords(dictionary).table;
  const [isChosen, setChosen] = useState(value !== null);
  const choose = (next: boolean) => {
    setChosen(next);
    if (!next) onChange(null);
  };
  return (
    <Form.Item label={words.columns} extra={isChosen && !columns ? words.columnsText : undefined}>
      <Radio.Group value={isChosen} onChange={(event) => choose(event.target.value as boolean)} aria-label={words.columns} options={[{ value: false, label: words.allColumns }, { value: true, label: words.someColumns }]} style={{ marginBottom: 8 }} />
      {isChosen && (columns ? <Grid value={value} columns={columns} onChange={onChange} /> : <Input value={value ?? ''} aria-label={words.columns} onChange={(event) => onChange(event.target.value || null)} />)}
    </Form.Item>
  );
}

function Grid({ value, columns, onChange }: { value: string | null; columns: Column[]; onChange: (value: string | null) => void }) {
  const words = useWords(dictionary).table;
  const names = namesOf(value, columns);
  const set = (from: string, to: string | null) => {
    const next = new Map(columns.flatMap(({ name }) => (name === from ? (to === null ? [] : [[name, to] as const]) : names.has(name) ? [[name, names.get(name) as string] as const] : [])));
    if (next.size > 0) onChange(textOf(next, columns));
  };
  return (
    <div style={{ maxHeight: 260, overflow: 'auto' }} role="region" aria-label={words.columns} tabIndex={0}>
      <table style={{ width: '100%' }}>
        <thead>
          <tr>
            <th scope="col" style={{ textAlign: 'start' }}>
              {words.columnTake}
            </th>
            <th scope="col" style={{ textAlign: 'start' }}>
              {words.columnType}
            </th>
            <th scope="col" style={{ textAlign: 'start' }}>
              {words.columnName}
            </th>
          </tr>
        </thead>
        <tbody>
          {columns.map(({ name, type }) => (
            <tr key={name}>
              <td style={{ overflowWrap: 'anywhere' }}>
                <Checkbox checked={names.has(name)} onChange={(event) => set(name, event.target.checked ? name : null)}>
                  {name}
                </Checkbox>
              </td>
              <td style={{ overflowWrap: 'anywhere' }}>{type}</td>
              <td>
                <Input size="small" aria-label={`${name}: ${words.columnName}`} disabled={!names.has(name)} value={names.get(name) ?? ''} onChange={(event) => set(name, event.target.value.replace(/[=,]/g, '') || name)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
