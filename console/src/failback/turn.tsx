// Turning the direction: how, what would happen, what is in the way, and the button.
import { LockOutlined, SwapOutlined } from '@ant-design/icons';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Button, Card, Col, Flex, InputNumber, Radio, Row, Typography } from 'antd';
import { useId, useState } from 'react';
import { api, asked, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { CopyButton } from '../shown/copy';
import { useSession } from '../session';
import { useWords } from '../words';
import type { How } from './asking';
import type { Doing } from './doing';
import { lockedWhy, nextOf, type Pair } from './pair';
import { Plan } from './plan';
import { dictionary } from './words';

const LONGEST = 86_400;
const USUAL: How = { fence: 'auto', compare: 'definitions', within_seconds: 120, generation: null };

export function Turn({ pair, doing }: { pair: Pair; doing: Doing }) {
  const words = useWords(dictionary).turn;
  const [how, setHow] = useState(USUAL);
  const next = nextOf(pair) as Instance;
  const isBack = next.id === pair.forward.id;
  const plan = useQuery({
    queryKey: [KEYS.instance, next.id, 'takeover', how.fence, how.compare],
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/takeover', { params: { path: { id: next.id }, query: { fence: how.fence, compare: how.compare } } })),
    placeholderData: keepPreviousData,
    retry: false,
    // Both databases are asked: often enough to be true, not more.
    refetchInterval: 15_000,
  });
  const isFree = plan.isSuccess && !plan.isPlaceholderData && plan.data.obstacles.length === 0;
  return (
    <Card size="small" title={<h2 style={{ fontSize: 16, margin: 0 }}>{isBack ? words.failbackTitle : words.switchoverTitle}</h2>}>
      <Typography.Paragraph>{isBack ? words.failbackText : words.switchoverText}</Typography.Paragraph>
      <Row gutter={[24, 16]}>
        <Col xs={24} lg={10}>
          <Choices how={how} onChange={setHow} />
        </Col>
        <Col xs={24} lg={14}>
          <Plan plan={plan} locked={lockedWhy(next, 'takeover')} onAgain={() => void plan.refetch()} />
        </Col>
      </Row>
      <Go next={next} isBack={isBack} how={how} isFree={isFree} doing={doing} />
      <Equivalent name={pair.forward.name} isBack={isBack} how={how} />
    </Card>
  );
}

function Choices({ how, onChange }: { how: How; onChange: (how: How) => void }) {
  const words = useWords(dictionary).turn;
  const fences = ['auto', 'read-only', 'triggers', 'declared'] as const;
  const compares = ['definitions', 'rows', 'nothing'] as const;
  return (
    <Flex vertical gap={14}>
      <Choice legend={words.fence} value={how.fence ?? 'auto'} options={fences.map((value) => ({ value, ...words.fences[value] }))} onChange={(fence) => onChange({ ...how, fence })} />
      <Choice legend={words.compare} value={how.compare ?? 'definitions'} options={compares.map((value) => ({ value, ...words.compares[value] }))} onChange={(compare) => onChange({ ...how, compare })} />
      <label>
        <Typography.Text strong>{words.within}</Typography.Text>
        <Flex gap={8} align="center" style={{ margin: '4px 0' }}>
          <InputNumber<number> aria-label={words.within} min={1} max={LONGEST} precision={0} value={how.within_seconds} suffix={words.seconds} style={{ width: 160 }} onChange={(value) => onChange({ ...how, within_seconds: value ?? 120 })} />
        </Flex>
        <Typography.Text type="secondary">
          {words.withinText} {words.withinRange}
        </Typography.Text>
      </label>
    </Flex>
  );
}

interface ChoiceProps<T extends string> {
  legend: string;
  value: T;
  options: { value: T; title: string; text: string }[];
  onChange: (value: T) => void;
}

export function Choice<T extends string>({ legend, value, options, onChange }: ChoiceProps<T>) {
  const id = useId();
  return (
    <div>
      <div id={id} style={{ marginBottom: 6, fontWeight: 600 }}>
        {legend}
      </div>
      <Radio.Group aria-labelledby={id} className="choices" value={value} onChange={(event) => onChange(event.target.value as T)}>
        {options.map((option) => (
          <Radio key={option.value} value={option.value} style={{ marginInlineEnd: 0 }}>
            {option.title}
            <Typography.Text type="secondary" style={{ display: 'block', whiteSpace: 'normal' }}>
              {option.text}
            </Typography.Text>
          </Radio>
        ))}
      </Radio.Group>
    </div>
  );
}

interface GoProps {
  next: Instance;
  isBack: boolean;
  how: How;
  isFree: boolean;
  doing: Doing;
}

function Go({ next, isBack, how, isFree, doing }: GoProps) {
  const words = useWords(dictionary).turn;
  const session = useSession();
  const name = isBack ? words.failback : words.switchover;
  const locked = !session.may('operator') ? words.role : (lockedWhy(next, 'takeover') ?? (isFree ? null : words.lockedPlan));
  const go = () =>
    doing.ask({
      text: <Consequences from={isBack ? 'B' : 'A'} how={how} />,
      ok: name,
      run: async () => void (await doing.asking.takeOver(next.id, { ...how, generation: next.generation })),
    });
  return (
    <Flex wrap gap={12} align="center" style={{ marginTop: 16 }}>
      <Button type="primary" size="large" icon={locked ? <LockOutlined /> : <SwapOutlined />} disabled={!!locked} onClick={go} aria-describedby={locked ? 'locked-turn' : undefined}>
        {name}
      </Button>
      {locked && (
        <Typography.Text id="locked-turn" type="secondary" style={{ minWidth: 0, overflowWrap: 'anywhere' }}>
          {words.locked}: {locked}
        </Typography.Text>
      )}
    </Flex>
  );
}

function Consequences({ from, how }: { from: string; how: How }) {
  const words = useWords(dictionary).turn.note;
  return (
    <>
      <Typography.Paragraph>
        <strong>{words.what}. </strong>
        {words.keep} {words.cost(from)}
      </Typography.Paragraph>
      {how.fence === 'declared' && (
        <Typography.Paragraph type="danger">
          <strong>{words.declared(from)}</strong>
        </Typography.Paragraph>
      )}
      <Typography.Paragraph style={{ marginBottom: 0 }}>
        <strong>{words.undo}. </strong>
        {words.undoText}
      </Typography.Paragraph>
    </>
  );
}

function Equivalent({ name, isBack, how }: { name: string; isBack: boolean; how: How }) {
  const words = useWords(dictionary).turn;
  const options = [how.fence !== 'auto' && `--fence ${how.fence}`, how.compare !== 'definitions' && `--compare ${how.compare}`, how.within_seconds !== 120 && `--within ${how.within_seconds}s`];
  const command = ['tidegate', isBack ? 'failback' : 'switchover', name, ...options.filter(Boolean)].join(' ');
  return (
    <Flex wrap gap={6} align="center" style={{ marginTop: 10 }}>
      <Typography.Text type="secondary">{words.command}:</Typography.Text>
      <Typography.Text code style={{ overflowWrap: 'anywhere' }}>
        {command}
      </Typography.Text>
      <CopyButton text={command} label={words.command} />
    </Flex>
  );
}
