// A takeover while it happens: its steps, what is waited for, how long that may last, and where there is no way back.
import { CheckCircleFilled, LoadingOutlined, MinusOutlined, StopOutlined } from '@ant-design/icons';
import { Card, Flex, Progress, theme, Typography } from 'antd';
import type { Instance } from '../api/client';
import { duration } from '../shown/numbers';
import { useWords } from '../words';
import { useSeconds } from './countdown';
import { type Pair, STEPS, type StepName } from './pair';
import { dictionary } from './words';

export function TakeoverProgress({ pair, turning }: { pair: Pair; turning: Instance }) {
  const words = useWords(dictionary);
  const isBack = turning.id === pair.forward.id;
  const [from, to] = isBack ? ['B', 'A'] : ['A', 'B'];
  // Found out anew after a crash: until then only the right to write says how far it is.
  const at = turning.takeover ? STEPS.indexOf(turning.takeover.step as StepName) : turning.may_write ? STEPS.indexOf('admit') : -1;
  return (
    <Card size="small" title={<h2 style={{ fontSize: 16, margin: 0 }}>{words.progress.title(turning.name)}</h2>}>
      <Deadline turning={turning} />
      {at < 0 && (
        <p>
          <LoadingOutlined /> {words.progress.starting}
        </p>
      )}
      <ol style={{ listStyle: 'none', margin: 0, padding: 0 }}>
        {STEPS.map((step, index) => (
          <li key={step}>
            <StepLine step={step} state={index < at ? 'done' : index === at ? 'now' : 'later'} turning={turning} text={words.stepNames[step].text(from ?? '', to ?? '')} />
            {step === 'decide' && <PointOfNoReturn isBehind={turning.may_write} />}
          </li>
        ))}
      </ol>
    </Card>
  );
}

function StepLine({ step, state, turning, text }: { step: StepName; state: 'done' | 'now' | 'later'; turning: Instance; text: string }) {
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  const left = state === 'now' ? turning.takeover?.left : null;
  const passed = useSeconds(turning.takeover?.since, state === 'now');
  const icons = {
    done: <CheckCircleFilled style={{ color: token.colorSuccess }} aria-label={words.progress.done} />,
    now: <LoadingOutlined style={{ color: token.colorPrimary }} aria-label={words.progress.now} />,
    later: <MinusOutlined style={{ color: token.colorTextQuaternary }} aria-label={words.progress.notYet} />,
  };
  return (
    <Flex gap={10} align="start" aria-current={state === 'now' ? 'step' : undefined} style={{ padding: '5px 8px', background: state === 'now' ? token.colorPrimaryBg : undefined }}>
      <span style={{ fontSize: 16, lineHeight: '20px' }}>{icons[state]}</span>
      <div style={{ minWidth: 0 }}>
        <Typography.Text strong={state === 'now'}>{words.stepNames[step].title}</Typography.Text>{' '}
        <Typography.Text type="secondary">{text}</Typography.Text>
        {state === 'now' && (
          <div>
            {left !== null && left !== undefined && <Typography.Text strong>{words.progress.left(left)} · </Typography.Text>}
            {passed !== null && <Typography.Text type="secondary">{words.progress.since(duration(Math.max(0, -passed)))}</Typography.Text>}
          </div>
        )}
      </div>
    </Flex>
  );
}

function PointOfNoReturn({ isBehind }: { isBehind: boolean }) {
  const words = useWords(dictionary).progress;
  const { token } = theme.useToken();
  return (
    <Flex wrap gap={8} align="baseline" role="separator" aria-label={words.point} style={{ margin: '6px 0', padding: '6px 8px', borderBlock: `2px solid ${token.colorError}`, background: token.colorErrorBg }}>
      <StopOutlined style={{ color: token.colorError }} />
      <Typography.Text strong>{words.point}</Typography.Text>
      <Typography.Text type="secondary">{isBehind ? words.after : words.before}</Typography.Text>
    </Flex>
  );
}

function Deadline({ turning }: { turning: Instance }) {
  const words = useWords(dictionary).progress;
  const until = turning.takeover?.until;
  const remains = useSeconds(until);
  const since = turning.changed_at;
  if (turning.may_write) return <p style={{ marginTop: 0 }}>{words.none}.</p>;
  if (!until || remains === null) return null;
  const whole = (new Date(until).getTime() - new Date(since).getTime()) / 1000;
  const part = whole > 0 ? Math.max(0, Math.min(100, (remains / whole) * 100)) : 0;
  return (
    <div style={{ marginBottom: 8, maxWidth: 520 }} role="timer" aria-live="off">
      <Flex justify="space-between">
        <Typography.Text>{words.remains}</Typography.Text>
        <Typography.Text strong style={{ fontVariantNumeric: 'tabular-nums' }}>
          {remains > 0 ? duration(remains) : words.over}
        </Typography.Text>
      </Flex>
      <Progress percent={part} showInfo={false} size="small" status={remains < 15 ? 'exception' : 'active'} aria-label={words.remains} />
      <Typography.Text type="secondary">{words.until}</Typography.Text>
    </div>
  );
}
