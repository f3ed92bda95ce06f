// One row in several versions, column by column, so that what differs can be seen at a glance.
import { theme, Typography } from 'antd';
import { useWords } from '../words';
import { areAlike, columnsOf } from './row-text';
import { dictionary } from './words';

export interface Version {
  key: string;
  title: string;
  /** As the service writes it: `(id=42, state='paid')`; empty or `not there` if there is no row. */
  row: string;
}

export function Versions({ label, versions }: { label: string; versions: Version[] }) {
  const words = useWords(dictionary).conflicts;
  const { token } = theme.useToken();
  const read = versions.map((version) => columnsOf(version.row));
  const names = [...new Set(read.flatMap((columns) => [...(columns?.keys() ?? [])]))];
  const cell = { border: `1px solid ${token.colorBorderSecondary}`, padding: '4px 8px', textAlign: 'start' as const, verticalAlign: 'top' as const, overflowWrap: 'anywhere' as const, minWidth: 110 };
  if (!areAlike(read)) return <Plain versions={versions} />;
  return (
    <div style={{ overflowX: 'auto' }} role="region" tabIndex={0} aria-label={label}>
      <table style={{ borderCollapse: 'collapse', width: '100%', fontVariantNumeric: 'tabular-nums' }}>
        <thead>
          <tr>
            <td style={cell} />
            {versions.map((version) => (
              <th key={version.key} scope="col" style={{ ...cell, background: token.colorFillAlter }}>
                {version.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name) => {
            const values = read.map((columns) => columns?.get(name));
            const differs = new Set(values).size > 1;
            return (
              <tr key={name}>
                <th scope="row" style={{ ...cell, fontWeight: differs ? 600 : 400, minWidth: 80 }}>
                  {name}
                </th>
                {values.map((value, at) => (
                  <td key={versions[at]?.key} style={{ ...cell, background: differs && value !== values[0] ? token.colorWarningBg : undefined, fontWeight: differs ? 600 : 400 }}>
                    {value ?? <Typography.Text type="secondary">{words.absent}</Typography.Text>}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Plain({ versions }: { versions: Version[] }) {
  const words = useWords(dictionary).conflicts;
  return (
    <dl style={{ margin: 0 }}>
      {versions.map((version) => (
        <div key={version.key}>
          <dt>
            <Typography.Text type="secondary">{version.title}</Typography.Text>
          </dt>
          <dd style={{ margin: '0 0 6px', overflowWrap: 'anywhere' }}>{!version.row || version.row === 'not there' ? words.absent : version.row}</dd>
        </div>
      ))}
    </dl>
  );
}
