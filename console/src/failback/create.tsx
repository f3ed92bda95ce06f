// For a task without a way back: what a reverse is, what it needs, and the button.
import { CheckCircleOutlined, CloseCircleOutlined, LockOutlined } from '@ant-design/icons';
import { Alert, Button, Card, Col, Flex, Form, Input, Row, theme, Typography } from 'antd';
import { useState } from 'react';
import type { Instance } from '../api/client';
import { CopyButton } from '../shown/copy';
import { useSession } from '../session';
import { useWords } from '../words';
import type { Doing } from './doing';
import { lockedWhy } from './pair';
import { Choice } from './turn';
import { dictionary } from './words';

const FROMS = ['ask', 'cutover', 'forward-start', 'now', 'position'] as const;
type From = (typeof FROMS)[number];

const GRANTS = {
  mysqlRead: (user: string) => `GRANT REPLICATION CLIENT, REPLICATION SLAVE, SHOW VIEW, SELECT ON *.* TO ${user};`,
  mysqlMark: (user: string) => `GRANT TRANSACTION_GTID_TAG, REPLICATION_APPLIER ON *.* TO ${user};`,
  mariadbRead: (user: string) => `GRANT REPLICATION SLAVE, BINLOG MONITOR, SHOW VIEW, SELECT ON *.* TO ${user};`,
  mariadbMark: (user: string) => `GRANT BINLOG REPLAY ON *.* TO ${user};`,
};
const ACCOUNT = "'tidegate'@'%'";

export function CreateReverse({ forward, doing }: { forward: Instance; doing: Doing }) {
  const words = useWords(dictionary).create;
  return (
    <Card size="small" title={<h2 style={{ fontSize: 16, margin: 0 }}>{words.what}</h2>}>
      <Typography.Paragraph style={{ maxWidth: 820 }}>{words.whatText}</Typography.Paragraph>
      <Row gutter={[24, 16]}>
        <Col xs={24} lg={12}>
          <h3 style={{ fontSize: 14, margin: '0 0 6px' }}>{words.how}</h3>
          <ol style={{ margin: '0 0 16px', paddingInlineStart: 22, display: 'grid', gap: 6 }}>
            {words.steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
          <Prerequisites forward={forward} />
        </Col>
        <Col xs={24} lg={12}>
          <Order forward={forward} doing={doing} />
        </Col>
      </Row>
    </Card>
  );
}

function Prerequisites({ forward }: { forward: Instance }) {
  const words = useWords(dictionary).create;
  const { token } = theme.useToken();
  const needs = [
    { text: words.needRunning, is: forward.status === 'Synchronizing' },
    { text: words.needSync, is: forward.kind === 'sync' },
    { text: words.needObjects, is: !forward.wanted },
  ];
  const isMariadb = (forward.target.url ?? '').startsWith('mariadb');
  const rights = isMariadb ? (['mariadbRead', 'mariadbMark'] as const) : (['mysqlRead', 'mysqlMark'] as const);
  return (
    <>
      <h3 style={{ fontSize: 14, margin: '0 0 6px' }}>{words.needs}</h3>
      <ul style={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 4 }}>
        {needs.map((need) => (
          <li key={need.text}>
            {need.is ? <CheckCircleOutlined style={{ color: token.colorSuccess }} /> : <CloseCircleOutlined style={{ color: token.colorError }} />} {need.text}
          </li>
        ))}
        <li>· {words.needOne}</li>
        <li>· {words.needBorder}</li>
        <li>· {words.needRights}</li>
      </ul>
      {rights.map((right) => (
        <div key={right} style={{ margin: '8px 0 0 14px' }}>
          <Typography.Text type="secondary">{words.rights[right]}</Typography.Text>
          <Flex gap={4} align="start">
            <Typography.Text code style={{ overflowWrap: 'anywhere', minWidth: 0 }}>
              {GRANTS[right](ACCOUNT)}
            </Typography.Text>
            <CopyButton text={GRANTS[right](ACCOUNT)} label={words.rights[right]} />
          </Flex>
        </div>
      ))}
      <Typography.Paragraph type="secondary" style={{ marginTop: 10 }}>
        {words.limits}
      </Typography.Paragraph>
    </>
  );
}

interface Values {
  name: string;
  position: string;
}

function Order({ forward, doing }: { forward: Instance; doing: Doing }) {
  const words = useWords(dictionary);
  const session = useSession();
  const [from, setFrom] = useState<From>('ask');
  const [form] = Form.useForm<Values>();
  const locked = lockedWhy(forward, 'reverse') ?? (session.may('operator') ? null : words.turn.role);
  const create = ({ name, position }: Values) =>
    doing.ask({
      text: words.create.note(name),
      run: async () => {
        const wanted = from === 'ask' ? null : from === 'position' ? position.trim() : from;
        await doing.asking.createReverse(forward.id, { name, from: wanted });
        return { title: words.create.made, text: words.create.madeText };
      },
    });
  return (
    <Form<Values> form={form} layout="vertical" requiredMark={false} disabled={!!locked} initialValues={{ name: `${forward.name}-reverse`, position: '' }} onFinish={create}>
      <Form.Item name="name" label={words.create.name} rules={[{ required: true, pattern: /^[a-zA-Z0-9_-]{1,64}$/, message: words.create.nameRule }]}>
        <Input autoComplete="off" maxLength={64} />
      </Form.Item>
      <Choice legend={words.create.from} value={from} options={FROMS.map((value) => ({ value, ...words.create.froms[value] }))} onChange={setFrom} />
      {from === 'position' && (
        <Form.Item name="position" label={words.create.position} extra={words.create.positionHint} style={{ marginTop: 10 }} rules={[{ required: true, whitespace: true, message: words.create.positionRule }]}>
          <Input autoComplete="off" />
        </Form.Item>
      )}
      <div style={{ marginTop: 16 }}>
        {locked && <Alert type="warning" showIcon icon={<LockOutlined />} title={words.turn.locked} description={locked} style={{ marginBottom: 12 }} />}
        <Button type="primary" size="large" htmlType="submit" icon={locked ? <LockOutlined /> : undefined}>
          {words.create.button}
        </Button>
      </div>
    </Form>
  );
}
