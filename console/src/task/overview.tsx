// A task at a glance: the way of a change from the source to the target, with how much is where.
import { useQuery } from '@tanstack/react-query';
import { Card, Flex, Statistic, Tag, Typography, theme } from 'antd';
import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { useLive } from '../api/live';
import { serverOf } from '../shown/endpoint';
import { brief, byteRate, bytes, count, delay, duration, moment } from '../shown/numbers';
import { CopyProgress } from '../tasks/columns';
import { useWords } from '../words';
import type { Curve } from './chart';
import { dictionary } from './words';

// The library that draws is loaded when there is something to draw.
const Chart = lazy(() => import('./chart'));

const EVERY_MS = 5_000;

export function Overview({ instance }: { instance: Instance }) {
  const words = useWords(dictionary);
  return (
    <Flex vertical gap={16}>
      {instance.source_keeps_until && <Typography.Text type="secondary">{words.keepsUntil(moment(instance.source_keeps_until))}</Typography.Text>}
      <Stages instance={instance} />
      <Figures instance={instance} />
      <Charts instance={instance} />
    </Flex>
  );
}

function Stages({ instance }: { instance: Instance }) {
  const { stages: words } = useWords(dictionary);
  const { progress } = instance;
  const source = serverOf(instance.source);
  const target = serverOf(instance.target);
  const lag = (milliseconds: number | null | undefined) => (milliseconds == null ? null : words.lag(delay(milliseconds)));
  const waiting = progress ? progress.seq_captured - progress.seq_applied : 0;
  const stages: { title: string; big: ReactNode; small: ReactNode }[] = [
    { title: words.source, big: source.address, small: source.engine },
    { title: words.capture, big: progress ? words.captured(brief(progress.seq_captured)) : words.off, small: progress && (lag(progress.lag_capture_ms_p99) ?? bytes(progress.bytes_captured)) },
    { title: words.log, big: progress ? words.waiting(brief(waiting)) : words.off, small: progress && bytes(progress.log_bytes) },
    { title: words.apply, big: progress ? words.applied(brief(progress.rows_applied)) : words.off, small: progress && (lag(progress.lag_ms_p99) ?? `${brief(progress.rows_per_second)} /s`) },
    { title: words.target, big: target.address, small: target.engine },
  ];
  return (
    <ol className="stages" aria-label={words.diagram}>
      {stages.map((stage) => (
        <Stage key={stage.title} {...stage} isMoving={progress?.activity === 'working'} />
      ))}
    </ol>
  );
}

function Stage({ title, big, small, isMoving }: { title: string; big: ReactNode; small: ReactNode; isMoving: boolean }) {
  const { token } = theme.useToken();
  return (
    <li className={isMoving ? 'moving' : undefined} style={{ background: token.colorBgContainer, borderColor: isMoving ? token.colorPrimary : token.colorBorder, color: token.colorText }}>
      <Typography.Text type="secondary" style={{ fontSize: 12 }}>
        {title}
      </Typography.Text>
      <div style={{ fontWeight: 600, overflowWrap: 'anywhere' }}>{big}</div>
      <Typography.Text type="secondary" style={{ fontSize: 12 }}>
        {small ?? ' '}
      </Typography.Text>
    </li>
  );
}

function Figures({ instance }: { instance: Instance }) {
  const { stages: words } = useWords(dictionary);
  const list = useWords(dictionary);
  const { progress } = instance;
  if (!progress) return null;
  const figures: [string, string][] = [
    [words.behind, duration(progress.behind_seconds)],
    [words.rate, brief(progress.rows_per_second)],
    [words.copied, count(progress.rows_copied)],
    [words.applied_, count(progress.rows_applied)],
    [words.transactions, count(progress.transactions_applied)],
  ];
  return (
    <Card size="small">
      <Flex gap={32} wrap align="center">
        {figures.map(([title, value]) => (
          <Statistic key={title} title={title} value={value} styles={{ content: { fontSize: 18 } }} />
        ))}
        <div style={{ minWidth: 140 }}>
          <Typography.Text type="secondary">{list.tables.progress}</Typography.Text>
          <div>
            <CopyProgress instance={instance} />
          </div>
        </div>
        {progress.activity === 'stuck' && <Tag color="error">stuck</Tag>}
      </Flex>
    </Card>
  );
}

function Charts({ instance }: { instance: Instance }) {
  const { charts: words } = useWords(dictionary);
  const { token } = theme.useToken();
  const { isOn } = useLive();
  const samples = useQuery({
    queryKey: ['samples', instance.id],
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/samples', { params: { path: { id: instance.id } } })),
    refetchInterval: isOn && instance.progress ? EVERY_MS : false,
  });
  const known = samples.data ?? [];
  const times = useMemo(() => known.map((sample) => Date.parse(sample.at) / 1000), [known]);
  if (known.length < 2) return <Typography.Text type="secondary">{words.none}</Typography.Text>;
  const inSeconds = (milliseconds: number | null | undefined) => (milliseconds == null ? null : milliseconds / 1000);
  const curve = (label: string, color: string, said: (value: number) => string, of: (sample: Schemas['Sample']) => number | null, side: Curve['side'] = 'left'): Curve => ({ label, color, said, side, values: known.map(of) });
  const lag = [
    curve(words.behind, token.colorPrimary, duration, (sample) => sample.behind_seconds),
    curve(words.capture, token.green, duration, (sample) => inSeconds(sample.lag_capture_ms_p99)),
    curve(words.apply, token.orange, duration, (sample) => inSeconds(sample.lag_ms_p99)),
  ];
  const rate = [
    curve(words.rows, token.colorPrimary, brief, (sample) => sample.rows_per_second),
    curve(words.bytes, token.purple, byteRate, (sample) => sample.captured_bytes_per_second, 'right'),
  ];
  return (
    <Suspense fallback={null}>
      <Flex gap={16} wrap>
        <ChartCard title={words.lag}>
          <Chart title={words.lag} times={times} curves={lag} />
        </ChartCard>
        <ChartCard title={words.rate}>
          <Chart title={words.rate} times={times} curves={rate} />
        </ChartCard>
      </Flex>
    </Suspense>
  );
}

function ChartCard({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card size="small" title={<h2 className="part" style={{ margin: 0 }}>{title}</h2>} style={{ flex: '1 1 420px', minWidth: 0 }}>
      {children}
    </Card>
  );
}
