// The first step: the two databases, and whether they can be reached.
import { ApiOutlined, CheckCircleOutlined } from '@ant-design/icons';
import { useMutation, useQuery, type UseMutationResult } from '@tanstack/react-query';
import { Alert, Button, Card, Col, Collapse, Flex, Form, Input, InputNumber, Row, Select, type FormInstance } from 'antd';
import { api, asked, type Instance } from '../api/client';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { type Answered, tryConnection } from './connection';
import { type Draft, type End, keepsPassword, type Spec, specOf } from './draft';
import { dictionary } from './words';

interface Props {
  draft: Draft;
  instance: Instance | undefined;
  onChange: (draft: Draft) => void;
  onNext: () => void;
}

interface Values {
  name: string;
  source: End;
  target: End;
}

type Side = 'source' | 'target';
type Test = UseMutationResult<Answered | 'stored', Error, void>;

/** Asks whether a server is there. A password that only the service has cannot be tried from here. */
function useTest(end: End, before: Spec | undefined): Test {
  return useMutation({ mutationFn: async () => (keepsPassword(end, before) ? 'stored' : tryConnection(specOf(end, before))) });
}

export function Ends({ draft, instance, onChange, onNext }: Props) {
  const words = useWords(dictionary).ends;
  const [form] = Form.useForm<Values>();
  const source = useTest(draft.source, instance?.source);
  const target = useTest(draft.target, instance?.target);
  const changed = (values: { source?: Partial<End>; target?: Partial<End>; name?: string }) => {
    const engine = values.source?.engine ?? values.target?.engine;
    if (engine) {
      // Both ends are of one kind; MySQL and MariaDB are.
      const other = values.source ? 'target' : 'source';
      const isOf = (one: string) => one === 'mongodb';
      const follows = isOf(engine) !== isOf(draft[other].engine) ? { engine } : {};
      const isNew = isOf(engine) !== isOf(draft[values.source ? 'source' : 'target'].engine);
      const port = { port: isOf(engine) ? null : 3306, sslMode: '', sslCa: '' };
      values = {
        ...values,
        [values.source ? 'source' : 'target']: { engine, ...(isNew ? port : {}) },
        [other]: { ...follows, ...('engine' in follows ? port : {}) },
      };
      form.setFieldsValue(values as Values);
    }
    if (values.source) source.reset();
    if (values.target) target.reset();
    onChange({ ...draft, name: values.name ?? draft.name, source: { ...draft.source, ...values.source }, target: { ...draft.target, ...values.target } });
  };
  const proceed = async () => {
    const both = await Promise.allSettled([source.mutateAsync(), target.mutateAsync()]);
    if (both.every((one) => one.status === 'fulfilled')) onNext();
  };
  const initial: Values = { name: draft.name, source: draft.source, target: draft.target };
  return (
    <Form<Values> form={form} layout="vertical" initialValues={initial} requiredMark={false} onValuesChange={changed} onFinish={() => void proceed()} scrollToFirstError>
      <Card size="small" style={{ marginBottom: 16 }}>
        <Form.Item name="name" label={words.name} rules={[{ required: true, pattern: /^[a-zA-Z0-9_-]{1,64}$/, message: words.nameRule }]} style={{ marginBottom: 0, maxWidth: 480 }}>
          <Input autoComplete="off" maxLength={64} />
        </Form.Item>
      </Card>
      <Row gutter={[16, 16]}>
        {(['source', 'target'] as const).map((side) => (
          <Col key={side} xs={24} lg={12}>
            <EndCard side={side} form={form} end={draft[side]} before={instance?.[side]} test={side === 'source' ? source : target} />
          </Col>
        ))}
      </Row>
      <Collapse ghost size="small" style={{ margin: '8px 0' }} items={[{ key: 'rights', label: words.rights, children: draft.source.engine === 'mongodb' ? <><p>{words.rolesSource}</p><p>{words.rolesTarget}</p></> : <><p>{words.rightsSource}</p><p>{words.rightsTarget}</p></> }]} />
      <Button type="primary" size="large" htmlType="submit" loading={source.isPending || target.isPending}>
        {words.proceed}
      </Button>
    </Form>
  );
}

interface EndProps {
  side: Side;
  form: FormInstance<Values>;
  end: End;
  before: Spec | undefined;
  test: Test;
}

function EndCard({ side, form, end, before, test }: EndProps) {
  const words = useWords(dictionary).ends;
  const service = useQuery({ queryKey: ['service'], staleTime: Infinity, queryFn: () => asked(api.GET('/api/v1/service')) });
  const regions = Object.keys(service.data?.regions ?? {});
  const tryIt = async () => {
    const fields = (['host', 'port', 'user', 'password'] as const).map((field) => [side, field]);
    try {
      await form.validateFields(fields as never);
    } catch {
      return;
    }
    test.mutate();
  };
  const isMongodb = end.engine === 'mongodb';
  const verifies = isMongodb ? end.sslMode === 'true' : end.sslMode.startsWith('verify');
  const modes = isMongodb ? words.tlsModes : words.sslModes;
  const label = side === 'source' ? words.source : words.target;
  return (
    <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{label}</h2>} style={{ height: '100%' }}>
      <Form.Item name={[side, 'engine']} label={words.engine}>
        <Select options={[{ value: 'mysql', label: 'MySQL' }, { value: 'mariadb', label: 'MariaDB' }, { value: 'mongodb', label: 'MongoDB' }]} aria-label={`${label}: ${words.engine}`} />
      </Form.Item>
      {regions.length > 0 && (
        <Form.Item name={[side, 'region']} label={words.region}>
          <Select options={[{ value: '', label: words.noRegion }, ...regions.map((value) => ({ value, label: value }))]} aria-label={`${label}: ${words.region}`} />
        </Form.Item>
      )}
      <Flex gap={12}>
        <Form.Item name={[side, 'host']} label={isMongodb ? words.members : words.host} rules={[{ required: true, whitespace: true, message: words.hostRule }]} style={{ flex: 1, minWidth: 0 }}>
          <Input autoComplete="off" spellCheck={false} placeholder={isMongodb ? 'm1:27017,m2:27017,m3:27017' : undefined} />
        </Form.Item>
        {!isMongodb && (
          <Form.Item name={[side, 'port']} label={words.port} style={{ width: 110 }}>
            <InputNumber min={1} max={65_535} precision={0} placeholder="3306" style={{ width: '100%' }} />
          </Form.Item>
        )}
      </Flex>
      {isMongodb && (
        <Flex gap={12}>
          <Form.Item name={[side, 'replicaSet']} label={words.replicaSet} style={{ flex: 1, minWidth: 0 }}>
            <Input autoComplete="off" spellCheck={false} />
          </Form.Item>
          <Form.Item name={[side, 'authSource']} label={words.authSource} style={{ flex: 1, minWidth: 0 }}>
            <Input autoComplete="off" spellCheck={false} placeholder="admin" />
          </Form.Item>
        </Flex>
      )}
      <Form.Item name={[side, 'user']} label={words.user} rules={[{ required: !isMongodb, whitespace: true, message: words.userRule }]}>
        <Input autoComplete="off" spellCheck={false} />
      </Form.Item>
      <Form.Item name={[side, 'password']} label={words.password} extra={before && keepsPassword(end, before) ? words.keeps : undefined}>
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Form.Item name={[side, 'sslMode']} label={words.ssl}>
        <Select options={Object.entries(modes).map(([value, said]) => ({ value, label: said }))} aria-label={`${label}: ${words.ssl}`} />
      </Form.Item>
      {verifies && (
        <Form.Item name={[side, 'sslCa']} label={words.ca}>
          <Input autoComplete="off" spellCheck={false} placeholder="/etc/tidegate/ca.pem" />
        </Form.Item>
      )}
      <Button icon={<ApiOutlined />} loading={test.isPending} onClick={() => void tryIt()} aria-label={`${words.test}: ${label}`}>
        {words.test}
      </Button>
      <div aria-live="polite" style={{ marginTop: 10 }}>
        <ProblemAlert error={test.error} />
        {test.data && <Alert type="success" showIcon icon={<CheckCircleOutlined />} title={test.data === 'stored' ? words.stored : words.answered(test.data.server, test.data.milliseconds)} />}
      </div>
    </Card>
  );
}
