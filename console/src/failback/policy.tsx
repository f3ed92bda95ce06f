// What an instance decides about conflicts and schema changes without asking.
import { useQuery } from '@tanstack/react-query';
import { Flex, Select, Typography } from 'antd';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { KEYS } from '../api/live';
import { ProblemAlert } from '../shown/problem';
import { useSession } from '../session';
import { useWords } from '../words';
import type { Doing } from './doing';
import { dictionary } from './words';

type Rules = Schemas['ConflictPolicy'];

export function Policy({ one, doing }: { one: Instance; doing: Doing }) {
  const words = useWords(dictionary).policy;
  const canOperate = useSession().may('operator');
  const policy = useQuery({
    queryKey: [KEYS.instance, one.id, 'policy'],
    retry: false,
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/policy', { params: { path: { id: one.id } } })),
  });
  if (!policy.data) return <ProblemAlert error={policy.error} type="warning" />;
  const now = policy.data;
  const change = (next: Rules, note: string) => doing.ask({ text: note, run: async () => void (await doing.asking.policy(one.id, next)) });
  return (
    <section aria-label={words.title}>
      <h3 style={{ fontSize: 14, margin: '0 0 6px' }}>{words.title}</h3>
      <Flex wrap gap={16}>
        <label style={{ minWidth: 240, flex: '1 1 240px', maxWidth: 420 }}>
          <Typography.Text>{words.rows}</Typography.Text>
          <Select<Rules['rows']>
            aria-label={words.rows}
            value={now.rows}
            disabled={!canOperate}
            style={{ width: '100%' }}
            options={(['ask', 'source', 'target'] as const).map((value) => ({ value, label: words.rowChoices[value] }))}
            onChange={(rows) => change({ ...now, rows }, words.note[rows])}
          />
        </label>
        <label style={{ minWidth: 240, flex: '1 1 240px', maxWidth: 420 }}>
          <Typography.Text>{words.schema}</Typography.Text>
          <Select<Rules['schema_changes']>
            aria-label={words.schema}
            value={now.schema_changes}
            disabled={!canOperate}
            style={{ width: '100%' }}
            options={(['apply', 'skip', 'ask'] as const).map((value) => ({ value, label: words.schemaChoices[value] }))}
            onChange={(schema) => change({ ...now, schema_changes: schema }, schema === 'ask' ? words.note.askSchema : words.note[schema])}
          />
        </label>
      </Flex>
    </section>
  );
}
