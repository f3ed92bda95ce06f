// The two tasks: what each does, what waits in it, and what can be asked of it.
import { CheckCircleOutlined, MinusCircleOutlined } from '@ant-design/icons';
import { Button, Col, Flex, Row, Tag, theme, Tooltip, Typography } from 'antd';
import { Fragment, useRef, useState } from 'react';
import { Link } from 'react-router';
import { CauseDialog } from '../actions/cause';
import type { Instance } from '../api/client';
import { bytes, duration, moment } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { StatusBadge } from '../shown/status';
import { useSession } from '../session';
import { useWords } from '../words';
import type { Doing } from './doing';
import { may, type Pair, waiting } from './pair';
import { dictionary } from './words';

export function Directions({ pair, doing }: { pair: Pair; doing: Doing }) {
  const both = [pair.forward, pair.reverse].filter((one): one is Instance => !!one);
  return (
    <Row gutter={[12, 12]}>
      {both.map((one) => (
        <Col key={one.id} xs={24} md={both.length === 2 ? 12 : 24}>
          <Direction one={one} isForward={one.id === pair.forward.id} doing={doing} />
        </Col>
      ))}
    </Row>
  );
}

function Direction({ one, isForward, doing }: { one: Instance; isForward: boolean; doing: Doing }) {
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  return (
    <section aria-label={one.name} style={{ border: `1px solid ${one.may_write ? token.colorPrimary : token.colorBorder}`, padding: 12, height: '100%' }}>
      <Flex wrap gap={8} align="center" style={{ marginBottom: 8 }}>
        <Tag style={{ margin: 0 }}>{isForward ? words.direction.forward : words.direction.reverse}</Tag>
        <Link to={`/tasks/${one.id}`} style={{ fontWeight: 600, overflowWrap: 'anywhere' }}>
          {one.name}
        </Link>
        <Typography.Text type="secondary">{isForward ? words.direction.original : words.direction.reverseTask}</Typography.Text>
      </Flex>
      <Flex wrap gap={12} align="start" justify="space-between" style={{ marginBottom: 8 }}>
        <StatusBadge instance={{ ...one, why: null }} />
        <Right one={one} />
      </Flex>
      <Figures one={one} />
      {one.why && one.status !== 'Collecting' && <ProblemAlert error={one.why} type={one.status === 'Failed' ? 'error' : 'warning'} style={{ marginTop: 8, marginBottom: 0 }} />}
      <Commands one={one} isForward={isForward} doing={doing} />
    </section>
  );
}

function Right({ one }: { one: Instance }) {
  const words = useWords(dictionary).direction;
  if (one.may_write)
    return (
      <Tag color="processing" icon={<CheckCircleOutlined />} style={{ margin: 0 }}>
        {words.mayWrite}
      </Tag>
    );
  return (
    <Tooltip title={words.mayNotHint}>
      <Tag icon={<MinusCircleOutlined />} style={{ margin: 0 }} tabIndex={0}>
        {words.mayNot}
      </Tag>
    </Tooltip>
  );
}

function Figures({ one }: { one: Instance }) {
  const words = useWords(dictionary).direction;
  const left = waiting(one);
  const { progress } = one;
  const items = [
    ...(left === null && one.status === 'Switching' ? [] : [{ key: 'waits', label: words.waits, children: left === null ? words.notRunning : <strong>{words.transactions(left)}</strong> }]),
    ...(progress
      ? [
          { key: 'step', label: words.step, children: words.steps[progress.step] ?? progress.step },
          ...(one.may_write ? [{ key: 'behind', label: words.behind, children: duration(progress.behind_seconds) }] : []),
          { key: 'log', label: words.log, children: bytes(progress.log_bytes) },
        ]
      : []),
    ...(one.source_keeps_until ? [{ key: 'keeps', label: words.keeps, children: moment(one.source_keeps_until) }] : []),
  ];
  return (
    <dl style={{ display: 'grid', gridTemplateColumns: 'auto 1fr', gap: '4px 12px', margin: 0 }}>
      {items.map((item) => (
        <Fragment key={item.key}>
          <dt>
            <Typography.Text type="secondary">{item.label}</Typography.Text>
          </dt>
          <dd style={{ margin: 0 }}>{item.children}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

/** What helps one direction by itself. Turning is asked for elsewhere. */
function Commands({ one, isForward, doing }: { one: Instance; isForward: boolean; doing: Doing }) {
  const words = useWords(dictionary).manual;
  const session = useSession();
  const [isShown, show] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const hasPrecheck = !isForward && ['Prechecking', 'PrecheckFailed', 'PrecheckPassed', 'NotStarted'].includes(one.status);
  const canOperate = session.may('operator');
  const rests = ['Paused', 'Failed'].includes(one.status) && may(one, 'resume');
  if (!hasPrecheck && !(rests && canOperate)) return null;
  const again = () => doing.ask({ text: words.recheckNote, run: async () => void (await doing.asking.command(one.id, 'start')) });
  const resume = () => doing.ask({ text: words.resumeNote(one.name), run: async () => void (await doing.asking.command(one.id, 'resume')) });
  return (
    <Flex wrap gap={8} style={{ marginTop: 10 }}>
      {hasPrecheck && <Button ref={button} onClick={() => show(true)}>{words.cause}</Button>}
      {hasPrecheck && canOperate && one.status !== 'Prechecking' && (
        <Button type="primary" onClick={again}>
          {words.recheck}
        </Button>
      )}
      {rests && canOperate && <Button onClick={resume}>{words.resume}</Button>}
      {hasPrecheck && <CauseDialog instance={one} isOpen={isShown} onClose={() => show(false)} returnTo={button.current} />}
    </Flex>
  );
}
