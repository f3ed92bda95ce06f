// Rows that were not what the log expects, side by side, and whose version stays.
import { useQuery } from '@tanstack/react-query';
import { Alert, Badge, Button, Card, Flex, Pagination, Switch, Tabs, Tag, Typography } from 'antd';
import { useState } from 'react';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { KEYS } from '../api/live';
import { moment } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { serverOf } from '../shown/endpoint';
import { useSession } from '../session';
import { useWords } from '../words';
import type { Doing } from './doing';
import { may, type Pair } from './pair';
import { Policy } from './policy';
import { dictionary } from './words';
import { Versions } from './versions';

type Conflict = Schemas['RowConflict'];
type Keep = Schemas['Keep'];

/** How many are shown at once: each has three versions of a row. */
const PAGE = 10;

function useConflicts(one: Instance | null, settled: boolean, isOn: boolean) {
  return useQuery({
    queryKey: [KEYS.instance, one?.id, 'conflicts', settled],
    enabled: !!one && isOn,
    retry: false,
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/conflicts', { params: { path: { id: one?.id ?? '' }, query: { settled } } })),
  });
}

const openOf = (conflicts: Conflict[] | undefined) => (conflicts ?? []).filter((one) => !one.settled && !one.decision);

export function Conflicts({ pair, doing }: { pair: Pair; doing: Doing }) {
  const words = useWords(dictionary);
  const canOperate = useSession().may('operator');
  const [settled, setSettled] = useState(false);
  const both = [pair.forward, pair.reverse].filter((one): one is Instance => !!one);
  const asked = [useConflicts(pair.forward, settled, canOperate), useConflicts(pair.reverse, settled, canOperate)];
  // Whoever writes is who meets conflicts.
  const [shown, setShown] = useState(pair.reverse?.may_write ? pair.reverse.id : pair.forward.id);
  const items = both.map((one, at) => ({
    key: one.id,
    label: (
      <Badge count={openOf(asked[at]?.data).length} size="small" offset={[8, 0]}>
        {at === 0 ? words.direction.forward : words.direction.reverse}
      </Badge>
    ),
    children: (
      <>
        <ProblemAlert error={asked[at]?.error} type="warning" />
        {asked[at]?.data && <Listed one={one} conflicts={asked[at].data} doing={doing} />}
        <Policy one={one} doing={doing} />
      </>
    ),
  }));
  return (
    <Card
      size="small"
      title={<h2 style={{ fontSize: 16, margin: 0 }}>{words.conflicts.title}</h2>}
      extra={
        canOperate && (
          <label>
            <Switch size="small" checked={settled} onChange={setSettled} aria-label={words.conflicts.settled} /> {words.conflicts.settled}
          </label>
        )
      }
    >
      <Typography.Paragraph type="secondary">{words.conflicts.explain}</Typography.Paragraph>
      {canOperate ? <Tabs size="small" activeKey={shown} onChange={setShown} items={items} /> : <Typography.Text>{words.conflicts.operators}</Typography.Text>}
    </Card>
  );
}

function Listed({ one, conflicts, doing }: { one: Instance; conflicts: Conflict[]; doing: Doing }) {
  const words = useWords(dictionary).conflicts;
  const [page, setPage] = useState(1);
  const open = openOf(conflicts);
  const decided = conflicts.some((conflict) => conflict.decision && !conflict.settled);
  // The service decides anew about those that were decided and not carried out yet, too.
  const unsettled = conflicts.filter((conflict) => !conflict.settled).length;
  if (conflicts.length === 0) return <Alert type="success" showIcon title={words.none} style={{ marginBottom: 12 }} />;
  const resume = () => doing.ask({ text: words.decidedText, ok: words.resume, run: async () => void (await doing.asking.command(one.id, 'resume')) });
  return (
    <Flex vertical gap={12} style={{ marginBottom: 16 }}>
      {open.length > 0 && <Alert type="error" showIcon title={words.waits(open.length)} description={<DecideAll one={one} open={unsettled} doing={doing} />} />}
      {open.length === 0 && decided && may(one, 'resume') && (
        <Alert
          type="warning"
          showIcon
          title={words.goesOn}
          description={
            <Button type="primary" onClick={resume}>
              {words.resume}
            </Button>
          }
        />
      )}
      {conflicts.slice((page - 1) * PAGE, page * PAGE).map((conflict) => (
        <OneConflict key={`${conflict.seq}/${conflict.ordinal}`} one={one} conflict={conflict} doing={doing} />
      ))}
      <Pagination size="small" hideOnSinglePage current={page} pageSize={PAGE} total={conflicts.length} onChange={setPage} showSizeChanger={false} />
    </Flex>
  );
}

function DecideAll({ one, open, doing }: { one: Instance; open: number; doing: Doing }) {
  const words = useWords(dictionary).conflicts;
  const target = serverOf(one.target).address;
  const decide = (keep: Keep) =>
    doing.ask({
      title: words.all(open),
      text: `${words.allNote(open)} ${keep === 'source' ? words.sourceText(target) : words.targetText(target)}`,
      ok: keep === 'source' ? words.keepSource : words.keepTarget,
      isDangerous: keep === 'source',
      run: async () => {
        const { decided } = await doing.asking.settle(one.id, { keep });
        return { title: words.decided(decided), text: words.decidedText };
      },
    });
  return (
    <Flex wrap gap={6} align="center">
      <Typography.Text>{words.all(open)}:</Typography.Text>
      <Button size="small" onClick={() => decide('source')}>
        {words.keepSource}
      </Button>
      <Button size="small" onClick={() => decide('target')}>
        {words.keepTarget}
      </Button>
    </Flex>
  );
}

function OneConflict({ one, conflict, doing }: { one: Instance; conflict: Conflict; doing: Doing }) {
  const words = useWords(dictionary).conflicts;
  const isSchema = conflict.object === 'schema change';
  const [source, target] = [serverOf(one.source).address, serverOf(one.target).address];
  const place = `${conflict.seq}/${conflict.ordinal}`;
  const said = { source: isSchema ? words.schemaSource : words.sourceText(target), target: isSchema ? words.schemaTarget : words.targetText(target) };
  const decide = (keep: Keep) =>
    doing.ask({
      title: `${conflict.object} ${place}`,
      text: said[keep],
      ok: keep === 'source' ? words.keepSource : words.keepTarget,
      run: async () => {
        const { decided } = await doing.asking.settle(one.id, { keep, conflict: { seq: conflict.seq, ordinal: conflict.ordinal } });
        return { title: words.decided(decided), text: words.decidedText };
      },
    });
  return (
    <Card
      size="small"
      type="inner"
      title={
        <Flex wrap gap={8} align="center">
          <Typography.Text strong style={{ overflowWrap: 'anywhere', whiteSpace: 'normal' }}>
            {conflict.object}
          </Typography.Text>
          <Typography.Text type="secondary" style={{ fontWeight: 400 }}>
            {place} · {words.seen} {moment(conflict.seen_at)}
          </Typography.Text>
          {conflict.decision && <Tag color={conflict.settled ? 'default' : 'processing'}>{words.by(conflict.decided_by ?? '', conflict.decision) + (conflict.settled ? ` · ${words.carriedOut}` : '')}</Tag>}
        </Flex>
      }
    >
      {isSchema ? (
        <Typography.Paragraph code style={{ overflowWrap: 'anywhere' }}>
          {conflict.wanted}
        </Typography.Paragraph>
      ) : (
        <Versions
          label={`${conflict.object} ${place}`}
          versions={[
            { key: 'expected', title: words.expected(source), row: conflict.expected },
            { key: 'found', title: words.found(target), row: conflict.found },
            { key: 'wanted', title: words.wanted, row: conflict.wanted },
          ]}
        />
      )}
      {!conflict.settled && (
        <Flex wrap gap={8} style={{ marginTop: 10 }}>
          <Button onClick={() => decide('source')}>{words.keepSource}</Button>
          <Button onClick={() => decide('target')}>{words.keepTarget}</Button>
        </Flex>
      )}
    </Card>
  );
}
