// Who asked the service for what.
import { useQuery } from '@tanstack/react-query';
import { Alert, Flex, Input, Typography } from 'antd';
import { useDeferredValue, useMemo, useState } from 'react';
import { api, asked, type Schemas } from '../api/client';
import { useSession } from '../session';
import { count, moment } from '../shown/numbers';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { Rows } from '../shown/rows';
import { useWords } from '../words';
import { dictionary } from './words';

type Entry = Schemas['AuditEntry'];

/** As many as the service gives out. */
const MOST = 1000;

export default function Audit() {
  const { audit: words, adminOnly } = useWords(dictionary);
  const { may } = useSession();
  return (
    <>
      <PageHead title={words.title} about={words.about} />
      {may('admin') ? <Lines /> : <Alert type="info" showIcon title={adminOnly} />}
    </>
  );
}

function Lines() {
  const { audit: words } = useWords(dictionary);
  const [search, setSearch] = useState('');
  const sought = useDeferredValue(search.toLowerCase());
  const audit = useQuery({ queryKey: ['audit'], queryFn: () => asked(api.GET('/api/v1/audit', { params: { query: { limit: MOST } } })), staleTime: 0 });
  const all = audit.data ?? [];
  const found = useMemo(() => all.filter((entry) => [entry.by, entry.action, entry.object, entry.outcome].some((text) => text.toLowerCase().includes(sought))), [all, sought]);
  const cut = (text: string) => (
    <span className="cut" title={text}>
      {text}
    </span>
  );
  return (
    <>
      <Flex gap={12} align="center" wrap style={{ marginBottom: 10 }}>
        <Input allowClear aria-label={words.search} placeholder={words.search} value={search} onChange={(event) => setSearch(event.target.value)} style={{ maxWidth: 360 }} />
        <Typography.Text type="secondary">{words.count(count(found.length), count(all.length))}</Typography.Text>
      </Flex>
      <ProblemAlert error={audit.error} />
      <Rows<Entry>
        label={words.title}
        rows={found}
        rowKey={(_, at) => String(at)}
        rowHeight={36}
        minWidth={760}
        isLoading={audit.isPending}
        columns={[
          { key: 'at', title: words.at, width: '156px', cell: (entry) => moment(entry.at) },
          { key: 'by', title: words.by, width: '120px', cell: (entry) => cut(entry.by) },
          { key: 'action', title: words.action, width: '170px', cell: (entry) => cut(entry.action) },
          { key: 'object', title: words.object, width: 'minmax(150px, 1fr)', cell: (entry) => cut(entry.object) },
          { key: 'outcome', title: words.outcome, width: 'minmax(170px, 2fr)', cell: (entry) => cut(entry.outcome) },
        ]}
      />
    </>
  );
}
