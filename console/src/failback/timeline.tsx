// What happened to both tasks, in one line of time: when, to whom, by whom and why.
import { Button, Card, Tag, Timeline as Line, Typography } from 'antd';
import { useState } from 'react';
import type { Instance, Schemas } from '../api/client';
import { moment } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { useHistory } from './history';
import type { Pair } from './pair';
import { dictionary } from './words';

const SHOWN = 30;
const BAD = ['broke', 'precheck failed', 'did not take over', 'trouble', 'not made ready for applications'];
const GOOD = ['took over', 'got the right to write', 'initialized', 'recovered'];

type Entry = Schemas['Transition'] & { of: Instance };

export function Timeline({ pair }: { pair: Pair }) {
  const words = useWords(dictionary).history;
  const [shown, setShown] = useState(SHOWN);
  const forward = useHistory(pair.forward);
  const reverse = useHistory(pair.reverse);
  const entries: Entry[] = [
    ...(forward.data ?? []).map((line) => ({ ...line, of: pair.forward })),
    ...(pair.reverse ? (reverse.data ?? []).map((line) => ({ ...line, of: pair.reverse as Instance })) : []),
  ];
  // Two of one moment stay in the order of their own history.
  const latest = entries.reverse().sort((one, other) => new Date(other.at).getTime() - new Date(one.at).getTime());
  return (
    <Card size="small" title={<h2 style={{ fontSize: 16, margin: 0 }}>{words.title}</h2>}>
      <ProblemAlert error={forward.error ?? reverse.error} />
      {latest.length === 0 && <Typography.Text type="secondary">{words.empty}</Typography.Text>}
      <Line items={latest.slice(0, shown).map((entry, at) => ({ key: `${entry.of.id}-${entry.generation}-${entry.event}-${at}`, color: BAD.includes(entry.event) ? 'red' : GOOD.includes(entry.event) ? 'green' : 'gray', content: <Happened entry={entry} isForward={entry.of.id === pair.forward.id} /> }))} />
      {latest.length > shown && (
        <Button size="small" onClick={() => setShown(shown + 100)}>
          {words.more}
        </Button>
      )}
    </Card>
  );
}

function Happened({ entry, isForward }: { entry: Entry; isForward: boolean }) {
  const words = useWords(dictionary);
  return (
    <div style={{ overflowWrap: 'anywhere' }}>
      <Typography.Text type="secondary" style={{ fontVariantNumeric: 'tabular-nums' }}>
        {moment(entry.at)}
      </Typography.Text>{' '}
      <Tag style={{ margin: 0 }}>{isForward ? words.direction.forward : words.direction.reverse}</Tag> <strong>{words.history.events[entry.event] ?? entry.event}</strong>{' '}
      <Typography.Text type="secondary">
        {entry.of.name}, {words.history.by(entry.by)}
      </Typography.Text>
      {entry.why && <div>{entry.why}</div>}
    </div>
  );
}
