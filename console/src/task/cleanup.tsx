// What to remove after a task has ended, so that nothing of it can reach the databases any more.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Spin, Tag, Typography } from 'antd';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { useSession } from '../session';
import { useNote } from '../shown/confirm';
import { CopyButton } from '../shown/copy';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

type Step = Schemas['CleanupStep'];

export function Cleanup({ instance }: { instance: Instance }) {
  const { cleanup: words } = useWords(dictionary);
  const { may } = useSession();
  const questions = useQueryClient();
  const [note, ask] = useNote();
  const path = { id: instance.id };
  const key = ['cleanup', instance.id];
  const list = useQuery({ queryKey: key, queryFn: () => asked(api.GET('/api/v1/instances/{id}/cleanup', { params: { path } })) });
  const isOver = instance.status === 'Completed';
  const apply = () =>
    ask({
      text: words.applyNote,
      isDangerous: true,
      run: async () => void questions.setQueryData(key, await asked(api.POST('/api/v1/instances/{id}/cleanup', { params: { path } }))),
    });
  const steps = list.data?.steps ?? [];
  return (
    <div style={{ maxWidth: 820 }}>
      {note}
      <Typography.Paragraph type="secondary">{words.intro}</Typography.Paragraph>
      {!isOver && <Alert type="info" showIcon title={words.notYet} style={{ marginBottom: 12 }} />}
      <ProblemAlert error={list.error} />
      {list.isPending && <Spin />}
      {list.isSuccess && steps.length === 0 && <Typography.Paragraph>{words.none}</Typography.Paragraph>}
      <Flex vertical gap={10}>
        {steps.map((step, at) => (
          <StepCard key={`${at} ${step.what}`} step={step} />
        ))}
      </Flex>
      {isOver && may('operator') && steps.some((step) => step.statements.length > 0) && (
        <Button danger style={{ marginTop: 12 }} onClick={apply}>
          {words.apply}
        </Button>
      )}
    </div>
  );
}

function StepCard({ step }: { step: Step }) {
  const { cleanup: words } = useWords(dictionary);
  const text = step.statements.map((statement) => `${statement};`).join('\n');
  return (
    <Card size="small">
      <Flex gap={8} wrap align="center">
        <Tag>{step.side}</Tag>
        <span style={{ overflowWrap: 'anywhere' }}>{step.what}</span>
        {step.done && <Tag color="success">{words.done}</Tag>}
        {step.statements.length === 0 && <Tag>{words.byHand}</Tag>}
      </Flex>
      {step.failed && <Typography.Paragraph type="danger" style={{ margin: '6px 0 0' }}>{step.failed}</Typography.Paragraph>}
      {text !== '' && (
        <Flex gap={4} align="start" style={{ marginTop: 6 }}>
          <pre className="sideways statement" tabIndex={0}>
            {text}
          </pre>
          <CopyButton text={text} label={words.statements} />
        </Flex>
      )}
    </Card>
  );
}
