// What the reverse would write if it were started now.
import { EyeOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Descriptions, Flex, Typography } from 'antd';
import { useState } from 'react';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { count, duration, moment } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { Rows } from '../shown/rows';
import { useSession } from '../session';
import { useWords } from '../words';
import { dictionary } from './words';

type Previewed = Schemas['ReversePreview'];

const LINE = 34;

export function Preview({ reverse }: { reverse: Instance }) {
  const words = useWords(dictionary).preview;
  const canOperate = useSession().may('operator');
  const [isAsked, setAsked] = useState(false);
  // It reads the log of a database that is in use: only when somebody asks for it.
  const preview = useQuery({
    queryKey: ['preview', reverse.id],
    enabled: isAsked,
    retry: false,
    staleTime: Infinity,
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/reverse/preview', { params: { path: { id: reverse.id } } })),
  });
  const look = () => (isAsked ? void preview.refetch() : setAsked(true));
  return (
    <Card size="small" title={<h2 style={{ fontSize: 16, margin: 0, whiteSpace: 'normal' }}>{words.title}</h2>}>
      <Typography.Paragraph type="secondary">{words.explain}</Typography.Paragraph>
      {canOperate ? (
        <Button icon={<EyeOutlined />} loading={preview.isFetching} onClick={look} style={{ marginBottom: 12 }}>
          {preview.data ? words.again : words.look}
        </Button>
      ) : (
        <Typography.Text type="secondary">{words.operators}</Typography.Text>
      )}
      <ProblemAlert error={preview.error} />
      {preview.data && <Found preview={preview.data} />}
    </Card>
  );
}

function Found({ preview }: { preview: Previewed }) {
  const words = useWords(dictionary).preview;
  const tables = Object.entries(preview.rows).sort(([, one], [, other]) => other - one);
  const rows = tables.reduce((sum, [, changed]) => sum + changed, 0);
  if (preview.transactions === 0) return <Alert type="success" showIcon title={words.nothing} />;
  return (
    <Flex vertical gap={12}>
      <Descriptions
        size="small"
        column={2}
        items={[
          { key: 'transactions', label: words.transactions, children: count(preview.transactions) },
          { key: 'rows', label: words.rows, children: count(rows) },
          { key: 'schema', label: words.schema, children: count(preview.schema_changes) },
          { key: 'estimate', label: words.estimate, children: `≈ ${duration(preview.estimated_seconds)}` },
        ]}
      />
      {preview.first_at && preview.last_at && <Typography.Text type="secondary">{words.between(moment(preview.first_at), moment(preview.last_at))}</Typography.Text>}
      <Both rows={preview.on_both_sides} />
      {tables.length > 0 && (
        <Rows
          label={words.changed}
          rows={tables}
          rowKey={([table]) => table}
          rowHeight={LINE}
          height={260}
          columns={[
            { key: 'table', title: words.table, width: 'minmax(140px, 1fr)', cell: ([table]) => <Typography.Text ellipsis={{ tooltip: table }}>{table}</Typography.Text> },
            { key: 'changed', title: words.changed, width: '120px', align: 'end', cell: ([, changed]) => count(changed) },
          ]}
        />
      )}
      {preview.changes.length > 0 && <Changes changes={preview.changes} />}
    </Flex>
  );
}

function Both({ rows }: { rows: Previewed['on_both_sides'] }) {
  const words = useWords(dictionary).preview;
  if (!rows) return <Alert type="warning" showIcon title={words.bothMany} />;
  if (rows.length === 0) return <Alert type="success" showIcon title={words.bothNone} />;
  return (
    <>
      <Alert type="warning" showIcon title={words.both(rows.length)} />
      <Rows
        label={words.both(rows.length)}
        rows={rows}
        rowKey={(row, at) => `${at} ${row.table}`}
        rowHeight={LINE}
        height={220}
        columns={[
          { key: 'table', title: words.table, width: '1fr', cell: (row) => <Typography.Text ellipsis={{ tooltip: row.table }}>{row.table}</Typography.Text> },
          { key: 'key', title: words.key, width: '1fr', cell: (row) => <Typography.Text ellipsis={{ tooltip: row.key }}>{row.key}</Typography.Text> },
        ]}
      />
    </>
  );
}

function Changes({ changes }: { changes: Previewed['changes'] }) {
  const words = useWords(dictionary).preview;
  return (
    <div>
      <h3 style={{ fontSize: 14, margin: '0 0 6px' }}>{words.first(changes.length)}</h3>
      <Rows
        label={words.first(changes.length)}
        rows={changes}
        rowKey={(_, at) => String(at)}
        rowHeight={LINE}
        height={300}
        columns={[
          { key: 'kind', title: words.kind, width: '90px', cell: (change) => words.kinds[change.kind] ?? change.kind },
          { key: 'table', title: words.table, width: 'minmax(110px, 1fr)', cell: (change) => <Typography.Text ellipsis={{ tooltip: change.table }}>{change.table}</Typography.Text> },
          { key: 'what', title: words.what, width: 'minmax(140px, 1.4fr)', cell: (change) => <Typography.Text ellipsis={{ tooltip: change.what }}>{change.what}</Typography.Text> },
        ]}
        minWidth={420}
      />
    </div>
  );
}
