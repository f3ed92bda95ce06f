// A full comparison of both sides.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Flex, Progress, Typography } from 'antd';
import { lockOf } from '../actions/offered';
import { dictionary as actionWords } from '../actions/words';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { useSession } from '../session';
import { count, moment, percent } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { Rows } from '../shown/rows';
import { useWords } from '../words';
import { dictionary } from './words';

type Comparison = Schemas['Verification'];
type Table = Schemas['VerifiedTable'];

const LOOK_MS = 1000;

export function Verification({ instance }: { instance: Instance }) {
  const { verification: words } = useWords(dictionary);
  const ofActions = useWords(actionWords);
  const { may } = useSession();
  const questions = useQueryClient();
  const path = { id: instance.id };
  const key = ['verification', instance.id];
  const last = useQuery({
    queryKey: key,
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/verification', { params: { path } })),
    refetchInterval: (query) => (query.state.data?.state === 'running' ? LOOK_MS : false),
  });
  const begin = useMutation({
    mutationFn: () => asked(api.POST('/api/v1/instances/{id}/verification', { params: { path } })),
    onSuccess: (now) => questions.setQueryData(key, now),
  });
  const locked = lockOf('verify', instance, may('operator'), ofActions);
  const isRunning = last.data?.state === 'running';
  return (
    <>
      <Typography.Paragraph type="secondary" style={{ maxWidth: 760 }}>
        {words.intro}
      </Typography.Paragraph>
      {locked && <Alert type="info" showIcon title={locked} style={{ marginBottom: 12 }} />}
      <ProblemAlert error={begin.error ?? last.error} />
      <Button type="primary" disabled={!!locked || isRunning} loading={begin.isPending} onClick={() => begin.mutate()} style={{ marginBottom: 12 }}>
        {words.start}
      </Button>
      {last.data && <Verdict of={last.data} />}
    </>
  );
}

function Verdict({ of }: { of: Comparison }) {
  const { verification: words } = useWords(dictionary);
  if (of.state === 'none') return <Typography.Paragraph type="secondary">{words.none}</Typography.Paragraph>;
  if (of.state === 'running') {
    return (
      <Flex vertical gap={6} style={{ maxWidth: 480 }} role="status">
        <Progress percent={percent(of.rows_compared, of.rows_estimated)} aria-label={words.start} />
        <span>
          {words.running(count(of.tables_done), count(of.tables_total))} · {words.rows(count(of.rows_compared))}
        </span>
      </Flex>
    );
  }
  const ended = of.ended_at ? ` · ${words.ended(moment(of.ended_at))}` : '';
  return (
    <>
      <ProblemAlert error={of.problem} />
      {of.identical != null && (
        <Alert type={of.identical ? 'success' : 'error'} showIcon style={{ marginBottom: 12 }} title={of.identical ? words.identical : words.different} description={`${words.rows(count(of.rows_compared))}${ended}`} />
      )}
      {of.definitions.length > 0 && (
        <>
          <h2 className="part">{words.definitions}</h2>
          <ul style={{ overflowWrap: 'anywhere' }}>
            {of.definitions.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </>
      )}
      <VerifiedTables tables={of.tables} />
      <Differences tables={of.tables} />
    </>
  );
}

function VerifiedTables({ tables }: { tables: Table[] }) {
  const { verification: words } = useWords(dictionary);
  const said = (table: Table) => (table.at_least ? words.least(count(table.difference_count)) : count(table.difference_count));
  const sorted = [...tables].sort((one, other) => other.difference_count - one.difference_count || one.name.localeCompare(other.name));
  if (tables.length === 0) return null;
  return (
    <Rows<Table>
      label={words.table}
      rows={sorted}
      rowKey={(table) => table.name}
      rowHeight={36}
      height={320}
      minWidth={540}
      columns={[
        { key: 'name', title: words.table, width: 'minmax(200px, 3fr)', cell: (table) => <span className="cut" title={table.name}>{table.name}</span> },
        { key: 'differences', title: words.differences, width: '110px', align: 'end', cell: (table) => (table.difference_count > 0 ? <Typography.Text type="danger">{said(table)}</Typography.Text> : '0') },
        { key: 'source', title: words.source, width: '126px', align: 'end', cell: (table) => count(table.rows_source) },
        { key: 'target', title: words.target, width: '126px', align: 'end', cell: (table) => count(table.rows_target) },
      ]}
    />
  );
}

function Differences({ tables }: { tables: Table[] }) {
  const { verification: words } = useWords(dictionary);
  const rows = tables.flatMap((table) => table.differences.map((difference) => ({ ...difference, table: table.name })));
  if (rows.length === 0) return null;
  return (
    <>
      <h2 className="part" style={{ marginTop: 16 }}>
        {words.list}
      </h2>
      <Rows
        label={words.list}
        rows={rows}
        rowKey={(row, at) => `${at} ${row.key}`}
        rowHeight={36}
        height={360}
        minWidth={620}
        columns={[
          { key: 'table', title: words.table, width: 'minmax(160px, 1fr)', cell: (row) => <span className="cut" title={row.table}>{row.table}</span> },
          { key: 'row', title: words.row, width: 'minmax(160px, 2fr)', cell: (row) => <code className="cut" title={row.key}>{row.key}</code> },
          { key: 'kind', title: words.kind, width: '170px', cell: (row) => words.kinds[row.kind] ?? row.kind },
          { key: 'columns', title: words.columns, width: 'minmax(120px, 1fr)', cell: (row) => <span className="cut" title={row.columns.join(', ')}>{row.columns.join(', ')}</span> },
        ]}
      />
    </>
  );
}
