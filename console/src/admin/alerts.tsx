// Alerts: what is so now, and when and where somebody is told.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Empty, Flex, Form, Input, InputNumber, Spin, Tag, Typography } from 'antd';
import { Link } from 'react-router';
import { api, asked, type Schemas } from '../api/client';
import { useSession } from '../session';
import { moment } from '../shown/numbers';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

type Settings = Schemas['AlertSettings'];

interface Fields {
  webhook?: string;
  lag_seconds: number;
  lag_minutes: number;
  keeps_hours: number;
  free_gib: number;
}

const GIB = 1024 ** 3;
const LOOK_MS = 10_000;
const KEY = ['alerts'];

export default function Alerts() {
  const { alerts: words } = useWords(dictionary);
  const alerts = useQuery({ queryKey: KEY, queryFn: () => asked(api.GET('/api/v1/alerts')), refetchInterval: LOOK_MS });
  return (
    <>
      <PageHead title={words.title} about={words.about} />
      <ProblemAlert error={alerts.error} />
      {alerts.isPending && <Spin />}
      {alerts.data && (
        <Flex vertical gap={16}>
          {alerts.data.undelivered && <Alert type="warning" showIcon title={words.undelivered} description={alerts.data.undelivered} />}
          <Firing firing={alerts.data.firing} />
          <SettingsForm settings={alerts.data.settings} />
        </Flex>
      )}
    </>
  );
}

function Firing({ firing }: { firing: Schemas['Alert'][] }) {
  const { alerts: words } = useWords(dictionary);
  const { columns } = words;
  return (
    <Card title={<h2 className="part" style={{ margin: 0 }}>{words.firing}</h2>}>
      {firing.length === 0 ? (
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={words.none} />
      ) : (
        <div className="sideways" role="region" aria-label={words.firing} tabIndex={0}>
          <table className="plain" style={{ minWidth: 620 }}>
            <thead>
              <tr>
                <th scope="col">{columns.subject}</th>
                <th scope="col">{columns.task}</th>
                <th scope="col">{columns.since}</th>
                <th scope="col">{columns.text}</th>
              </tr>
            </thead>
            <tbody>
              {firing.map((alert) => (
                <tr key={`${alert.kind} ${alert.instance} ${alert.since}`}>
                  <td>
                    <Tag color="error">{alert.kind}</Tag> {alert.subject}
                  </td>
                  <td>{alert.instance && <Link to={`/tasks/${alert.instance}`}>{alert.name ?? alert.instance}</Link>}</td>
                  <td>{moment(alert.since)}</td>
                  <td>{alert.text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function SettingsForm({ settings }: { settings: Settings }) {
  const { alerts: words, ...common } = useWords(dictionary);
  const { may } = useSession();
  const questions = useQueryClient();
  const [form] = Form.useForm<Fields>();
  const save = useMutation({
    // Without a webhook in the question, the one that is there stays; null takes it away.
    mutationFn: (body: Omit<Settings, 'webhook'> & { webhook?: string | null }) => asked(api.PUT('/api/v1/alerts', { body: body as Settings })),
    onSuccess: (now) => {
      questions.setQueryData(KEY, now);
      form.resetFields(['webhook']);
    },
  });
  const test = useMutation({ mutationFn: () => asked(api.POST('/api/v1/alerts/test')) });
  const isOff = !may('admin');
  const given = ({ webhook, free_gib, ...rest }: Fields) => ({ ...rest, free_bytes: Math.round(free_gib * GIB), webhook: webhook || settings.webhook });
  const number = (name: 'lag_seconds' | 'lag_minutes' | 'keeps_hours' | 'free_gib', value: number) => (
    <Form.Item name={name} label={words[name]} initialValue={value} rules={[{ required: true }]} style={{ flex: '1 1 220px' }}>
      <InputNumber min={0} disabled={isOff} style={{ width: '100%' }} />
    </Form.Item>
  );
  return (
    <Card title={<h2 className="part" style={{ margin: 0 }}>{words.settings}</h2>} style={{ maxWidth: 760 }}>
      <ProblemAlert error={save.error ?? test.error} />
      {save.isSuccess && <Alert type="success" showIcon title={common.saved} style={{ marginBottom: 12 }} />}
      {test.isSuccess && <Alert type="success" showIcon title={words.tested} style={{ marginBottom: 12 }} />}
      <Form<Fields> name="alerts" form={form} layout="vertical" requiredMark={false} onFinish={(fields) => save.mutate(given(fields))}>
        <Form.Item name="webhook" label={words.webhook} extra={settings.webhook ? words.webhookNow(settings.webhook) : words.webhookHint}>
          <Input type="url" disabled={isOff} autoComplete="off" placeholder={settings.webhook ?? words.webhookEmpty} />
        </Form.Item>
        <Flex gap={16} wrap>
          {number('lag_seconds', settings.lag_seconds)}
          {number('lag_minutes', settings.lag_minutes)}
          {number('keeps_hours', settings.keeps_hours)}
          {number('free_gib', Number((settings.free_bytes / GIB).toFixed(2)))}
        </Flex>
        <Flex gap={8} wrap>
          <Button type="primary" htmlType="submit" disabled={isOff} loading={save.isPending}>
            {common.save}
          </Button>
          <Button disabled={isOff || !settings.webhook} loading={test.isPending} onClick={() => test.mutate()}>
            {words.test}
          </Button>
          {settings.webhook && (
            <Button danger disabled={isOff} onClick={() => save.mutate({ ...settings, webhook: null })}>
              {words.webhookStop}
            </Button>
          )}
        </Flex>
        {isOff && <Typography.Paragraph type="secondary" style={{ margin: '8px 0 0' }}>{common.adminOnly}</Typography.Paragraph>}
      </Form>
    </Card>
  );
}
