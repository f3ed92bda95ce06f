// The third step: what is synchronized, how fast, and how long faults are borne.
import { Button, Card, Checkbox, Col, Flex, Form, InputNumber, Row, Typography } from 'antd';
import { useState } from 'react';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import type { Draft, Tuning } from './draft';
import { dictionary } from './words';

interface Props {
  draft: Draft;
  onChange: (draft: Draft) => void;
  onBack: () => void;
  onSave: () => Promise<void>;
}

export function Settings({ draft, onChange, onBack, onSave }: Props) {
  const words = useWords(dictionary);
  const [error, setError] = useState<unknown>(null);
  const [isSaving, setSaving] = useState(false);
  const save = async () => {
    setSaving(true);
    setError(null);
    try {
      await onSave();
    } catch (refused) {
      setError(refused);
    }
    setSaving(false);
  };
  const numbers = (values: Partial<Tuning>) => onChange({ ...draft, tuning: { ...draft.tuning, ...values } });
  return (
    <Form<Tuning> layout="vertical" initialValues={draft.tuning} requiredMark={false} onValuesChange={numbers} onFinish={() => void save()} scrollToFirstError>
      <Types draft={draft} onChange={onChange} />
      <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.settings.speed}</h2>} style={{ marginBottom: 16 }}>
        <Row gutter={24}>
          <Figure name="copyWorkers" label={words.settings.copyWorkers} text={words.settings.copyWorkersText} usual="2" least={1} most={64} isWhole />
          <Figure name="lanes" label={words.settings.lanes} text={words.settings.lanesText} usual="2" least={1} most={8} isWhole />
        </Row>
      </Card>
      <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.settings.safety}</h2>} style={{ marginBottom: 16 }}>
        <Row gutter={24}>
          <Figure name="logGib" label={words.settings.log} text={words.settings.logText} usual="16" unit={words.settings.gib} least={0.1} most={65_536} />
          <Figure name="retryHours" label={words.settings.retry} text={words.settings.retryText} usual="12" unit={words.settings.hours} least={0.1} most={720} />
        </Row>
      </Card>
      <ProblemAlert error={error} />
      <Flex wrap gap={8}>
        <Button size="large" onClick={onBack}>
          {words.back}
        </Button>
        <Button type="primary" size="large" htmlType="submit" loading={isSaving}>
          {words.settings.save}
        </Button>
      </Flex>
    </Form>
  );
}

function Types({ draft, onChange }: { draft: Draft; onChange: (draft: Draft) => void }) {
  const words = useWords(dictionary).settings;
  const isSync = draft.kind === 'sync';
  return (
    <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.types}</h2>} style={{ marginBottom: 16 }}>
      <Flex vertical gap={10}>
        <div>
          <Checkbox checked disabled>
            {words.full}
          </Checkbox>
          <Explained text={words.fullText} />
        </div>
        <div>
          <Checkbox checked={isSync || !draft.fullOnly} disabled={isSync} onChange={(event) => onChange({ ...draft, fullOnly: !event.target.checked })}>
            {words.incremental}
          </Checkbox>
          <Explained text={`${words.incrementalText} ${isSync ? `${words.always}.` : words.once}`} />
        </div>
      </Flex>
    </Card>
  );
}

function Explained({ text }: { text: string }) {
  return (
    <Typography.Text type="secondary" style={{ display: 'block', paddingInlineStart: 24 }}>
      {text}
    </Typography.Text>
  );
}

interface FigureProps {
  name: keyof Tuning;
  label: string;
  text: string;
  usual: string;
  unit?: string;
  least: number;
  most: number;
  isWhole?: boolean;
}

function Figure({ name, label, text, usual, unit, least, most, isWhole }: FigureProps) {
  const words = useWords(dictionary).settings;
  return (
    <Col xs={24} md={12}>
      <Form.Item name={name} label={label} extra={text} rules={[{ type: 'number', min: least, max: most, message: words.range(least, most) }]}>
        <InputNumber placeholder={words.usual(usual)} precision={isWhole ? 0 : undefined} suffix={unit} style={{ width: 200 }} />
      </Form.Item>
    </Col>
  );
}
