// Other addresses of the same servers, and other passwords.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Form, Input, Typography } from 'antd';
import { api, asked, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { useSession } from '../session';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

interface Addresses {
  source: string;
  target: string;
  source_password?: string;
  target_password?: string;
}

interface Passwords {
  source?: string;
  target?: string;
}

export function Endpoints({ instance }: { instance: Instance }) {
  return (
    <Flex gap={16} wrap align="start">
      <AddressForm instance={instance} />
      <PasswordForm instance={instance} />
    </Flex>
  );
}

function AddressForm({ instance }: { instance: Instance }) {
  const { endpoints: words, tabs } = useWords(dictionary);
  const { may } = useSession();
  const questions = useQueryClient();
  const rests = instance.status === 'Paused' || instance.status === 'Failed';
  const isOff = !rests || !may('operator');
  const save = useMutation({
    mutationFn: (given: Addresses) => {
      const side = (which: 'source' | 'target') => {
        const password = given[`${which}_password`];
        const isSame = given[which] === (instance[which].url ?? '') && !password;
        return isSame ? null : { url: given[which], region: instance[which].region, ...(password ? { password } : {}) };
      };
      return asked(api.PUT('/api/v1/instances/{id}/endpoints', { params: { path: { id: instance.id } }, body: { source: side('source'), target: side('target') } }));
    },
    onSuccess: () => questions.invalidateQueries({ queryKey: [KEYS.instance, instance.id] }),
  });
  const side = (which: 'source' | 'target') => (
    <>
      <Form.Item name={which} label={`${words[which]}: ${words.url}`} initialValue={instance[which].url ?? ''} rules={[{ required: true }]}>
        <Input disabled={isOff} autoComplete="off" />
      </Form.Item>
      <Form.Item name={`${which}_password`} label={`${words[which]}: ${words.password}`}>
        <Input.Password disabled={isOff} autoComplete="new-password" placeholder={words.stays} />
      </Form.Item>
    </>
  );
  return (
    <Card title={<h2 className="part">{tabs.endpoints}</h2>} style={{ flex: '1 1 380px', maxWidth: 620 }}>
      <Typography.Paragraph type="secondary">{words.intro}</Typography.Paragraph>
      {!rests && <Alert type="info" showIcon title={words.pauseFirst} style={{ marginBottom: 12 }} />}
      <ProblemAlert error={save.error} />
      {save.isSuccess && <Alert type="success" showIcon title={words.saved} style={{ marginBottom: 12 }} />}
      <Form<Addresses> name="addresses" layout="vertical" requiredMark={false} onFinish={(given) => save.mutate(given)}>
        {side('source')}
        {side('target')}
        <Button type="primary" htmlType="submit" disabled={isOff} loading={save.isPending}>
          {words.save}
        </Button>
      </Form>
    </Card>
  );
}

function PasswordForm({ instance }: { instance: Instance }) {
  const { endpoints: words } = useWords(dictionary);
  const { may } = useSession();
  const [form] = Form.useForm<Passwords>();
  const isOff = !may('operator');
  const save = useMutation({
    mutationFn: ({ source, target }: Passwords) =>
      asked(api.POST('/api/v1/instances/{id}/passwords', { params: { path: { id: instance.id } }, body: { source: source || null, target: target || null } })),
    onSuccess: () => form.resetFields(),
  });
  return (
    <Card title={<h2 className="part">{words.passwords}</h2>} style={{ flex: '1 1 280px', maxWidth: 420 }}>
      <Typography.Paragraph type="secondary">{words.passwordsIntro}</Typography.Paragraph>
      <ProblemAlert error={save.error} />
      {save.isSuccess && <Alert type="success" showIcon title={words.saved} style={{ marginBottom: 12 }} />}
      <Form<Passwords> name="passwords" form={form} layout="vertical" onFinish={(given) => save.mutate(given)}>
        <Form.Item name="source" label={words.source}>
          <Input.Password disabled={isOff} autoComplete="new-password" placeholder={words.stays} />
        </Form.Item>
        <Form.Item name="target" label={words.target}>
          <Input.Password disabled={isOff} autoComplete="new-password" placeholder={words.stays} />
        </Form.Item>
        <Button type="primary" htmlType="submit" disabled={isOff} loading={save.isPending}>
          {words.save}
        </Button>
      </Form>
    </Card>
  );
}
