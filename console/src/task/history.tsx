// What happened to a task: who moved it, when and why.
import { useQuery } from '@tanstack/react-query';
import { Typography } from 'antd';
import { useMemo } from 'react';
import { api, asked, type Schemas } from '../api/client';
import { KEYS } from '../api/live';
import { moment } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { Rows } from '../shown/rows';
import { useStatusName } from '../shown/status';
import { useWords } from '../words';
import { dictionary } from './words';

type Transition = Schemas['Transition'];

export function History({ id }: { id: string }) {
  const { history: words } = useWords(dictionary);
  const name = useStatusName();
  const history = useQuery({ queryKey: [KEYS.history, id], queryFn: () => asked(api.GET('/api/v1/instances/{id}/history', { params: { path: { id } } })) });
  const lines = useMemo(() => [...(history.data ?? [])].reverse(), [history.data]);
  const change = ({ from, to }: Transition) => (from === to ? name(to) : `${name(from)} → ${name(to)}`);
  return (
    <>
      <ProblemAlert error={history.error} />
      <Rows<Transition>
        label={words.event}
        rows={lines}
        rowKey={(_, at) => String(lines.length - at)}
        rowHeight={44}
        minWidth={860}
        isLoading={history.isPending}
        empty={words.none}
        columns={[
          { key: 'at', title: words.at, width: '156px', cell: (line) => moment(line.at) },
          { key: 'change', title: words.change, width: 'minmax(190px, 1.4fr)', cell: change },
          { key: 'event', title: words.event, width: '130px', cell: (line) => line.event },
          { key: 'by', title: words.by, width: '100px', cell: (line) => <span className="cut" title={line.by}>{line.by}</span> },
          { key: 'why', title: words.why, width: 'minmax(240px, 3fr)', cell: (line) => line.why && <Typography.Text ellipsis={{ tooltip: line.why }}>{line.why}</Typography.Text> },
        ]}
      />
    </>
  );
}
