// The way by hand, as the hosted service has it: pause the original, then start the reverse.
import { LockOutlined } from '@ant-design/icons';
import { Alert, Button, Collapse, Flex, Typography } from 'antd';
import { useSession } from '../session';
import { useWords } from '../words';
import type { Doing } from './doing';
import { lockedWhy, may, type Pair } from './pair';
import { dictionary } from './words';

export function Manual({ pair, doing }: { pair: Pair; doing: Doing }) {
  const words = useWords(dictionary).manual;
  const rests = ['Paused', 'Pausing'].includes(pair.forward.status);
  return (
    <Collapse
      size="small"
      defaultActiveKey={rests ? ['manual'] : []}
      items={[{ key: 'manual', label: <h2 style={{ fontSize: 14, margin: 0, display: 'inline' }}>{words.title}</h2>, children: <Ways pair={pair} doing={doing} /> }]}
    />
  );
}

function Ways({ pair, doing }: { pair: Pair; doing: Doing }) {
  const words = useWords(dictionary).manual;
  const viewer = useWords(dictionary).turn.role;
  const canOperate = useSession().may('operator');
  const { forward, reverse } = pair;
  if (!reverse) return null;
  const isPaused = forward.status === 'Paused';
  const pauseLocked = !canOperate ? viewer : isPaused ? words.isPaused : may(forward, 'pause') ? null : (lockedWhy(forward, 'pause') ?? forward.title);
  const startLocked = !canOperate ? viewer : !isPaused ? words.needsPause : (lockedWhy(reverse, 'start') ?? (may(reverse, 'start') ? null : reverse.title));
  const pause = () =>
    doing.ask({
      text: words.pauseNote(forward.name),
      run: async () => {
        await doing.asking.command(forward.id, 'pause');
        return { title: words.paused, text: words.pausedText(forward.name) };
      },
    });
  const start = () => doing.ask({ text: words.startNote(reverse.name), run: async () => void (await doing.asking.command(reverse.id, 'start')) });
  return (
    <>
      <Typography.Paragraph>{words.text}</Typography.Paragraph>
      <Alert type="warning" showIcon title={words.pauseFirst} style={{ marginBottom: 12 }} />
      <ol style={{ margin: 0, paddingInlineStart: 22, display: 'grid', gap: 12 }}>
        <Way title={words.one} button={forward.status === 'Pausing' ? words.pausing : words.pause} locked={pauseLocked} onClick={pause} />
        <Way title={words.two} button={words.start} locked={startLocked} onClick={start} />
      </ol>
    </>
  );
}

function Way({ title, button, locked, onClick }: { title: string; button: string; locked: string | null; onClick: () => void }) {
  return (
    <li>
      {title}
      <Flex wrap gap={10} align="center" style={{ marginTop: 4 }}>
        <Button icon={locked ? <LockOutlined /> : undefined} disabled={!!locked} onClick={onClick}>
          {button}
        </Button>
        {locked && <Typography.Text type="secondary">{locked}</Typography.Text>}
      </Flex>
    </li>
  );
}
