// The last step.
import { PlayCircleOutlined } from '@ant-design/icons';
import { useMutation } from '@tanstack/react-query';
import { Button, Card, Descriptions, Flex, Typography } from 'antd';
import { useNavigate } from 'react-router';
import { api, asked, type Instance } from '../api/client';
import { EndpointLine } from '../shown/endpoint';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

export function Start({ instance, onBack }: { instance: Instance; onBack: () => void }) {
  const words = useWords(dictionary);
  const go = useNavigate();
  const start = useMutation({
    mutationFn: () => asked(api.POST('/api/v1/instances/{id}/{command}', { params: { path: { id: instance.id, command: 'start' } }, body: { generation: null } })),
    onSuccess: () => go(`/tasks/${instance.id}`),
  });
  const tables = instance.objects.include?.length ? instance.objects.include.join(', ') : words.start.everything;
  return (
    <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.start.ready(instance.name)}</h2>}>
      <Descriptions
        size="small"
        column={1}
        items={[
          { key: 'from', label: words.start.from, children: <EndpointLine endpoint={instance.source} withUser /> },
          { key: 'to', label: words.start.to, children: <EndpointLine endpoint={instance.target} withUser /> },
          { key: 'objects', label: words.start.objects, children: <span style={{ overflowWrap: 'anywhere' }}>{tables}</span> },
        ]}
      />
      <Typography.Paragraph style={{ marginTop: 12, overflowWrap: 'anywhere' }}>{instance.full_only ? words.start.once(tables) : words.start.what(tables)}</Typography.Paragraph>
      <Typography.Paragraph type="secondary">{words.start.undo}</Typography.Paragraph>
      <ProblemAlert error={start.error} />
      <Flex wrap gap={8}>
        <Button size="large" onClick={onBack}>
          {words.back}
        </Button>
        <Button size="large" onClick={() => void go(`/tasks/${instance.id}`)}>
          {words.start.later}
        </Button>
        <Button type="primary" size="large" icon={<PlayCircleOutlined />} loading={start.isPending} onClick={() => start.mutate()}>
          {words.start.title}
        </Button>
      </Flex>
    </Card>
  );
}
