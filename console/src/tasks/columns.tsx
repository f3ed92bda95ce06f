// What the list says of each task.
import { Button, Checkbox, Flex, Progress, Tag } from 'antd';
import { CaretDownOutlined, CaretUpOutlined, RollbackOutlined } from '@ant-design/icons';
import { Link } from 'react-router';
import { ActionMenu } from '../actions/menu';
import type { Act } from '../actions/asking';
import { hasCause } from '../actions/offered';
import { dictionary as actionWords } from '../actions/words';
import type { Instance } from '../api/client';
import { EndpointLine } from '../shown/endpoint';
import { brief, count, delay, duration, moment, percent } from '../shown/numbers';
import type { Column } from '../shown/rows';
import { Sparkline } from '../shown/sparkline';
import { StatusBadge } from '../shown/status';
import { useWords } from '../words';
import type { Filter, SortBy } from './listed';
import { dictionary } from './words';

interface Given {
  filter: Filter;
  onFilter: (part: Partial<Filter>) => void;
  isChosen: (id: string) => boolean;
  onChoose: (instance: Instance, isChosen: boolean) => void;
  onChooseAll: (isChosen: boolean) => void;
  chosen: 'none' | 'some' | 'all';
  act: Act;
}

export function useColumns(given: Given, isWide: boolean): Column<Instance>[] {
  const words = useWords(dictionary);
  const { columns } = words;
  const select: Column<Instance> = {
    key: 'select',
    width: '36px',
    title: <Checkbox aria-label={words.selectAll} checked={given.chosen === 'all'} indeterminate={given.chosen === 'some'} onChange={(event) => given.onChooseAll(event.target.checked)} />,
    cell: (one) => <Checkbox aria-label={words.select(one.name)} checked={given.isChosen(one.id)} onChange={(event) => given.onChoose(one, event.target.checked)} />,
  };
  const sorted = (by: SortBy) => (given.filter.sort === by ? given.filter.order : undefined);
  const head = (by: SortBy, title: string) => <SortButton by={by} title={title} filter={given.filter} onFilter={given.onFilter} />;
  const actions: Column<Instance> = { key: 'actions', width: isWide ? '76px' : '48px', title: isWide ? columns.actions : <span className="unseen">{columns.actions}</span>, cell: (one) => <ActionMenu instance={one} onAct={given.act} /> };
  if (!isWide) {
    return [select, { key: 'task', width: 'minmax(0, 1fr)', title: head('name', columns.task), sorted: sorted('name'), cell: (one) => <Card instance={one} act={given.act} /> }, actions];
  }
  return [
    select,
    { key: 'name', width: 'minmax(136px, 1.2fr)', title: head('name', columns.name), sorted: sorted('name'), cell: (one) => <Name instance={one} /> },
    { key: 'status', width: 'minmax(246px, 1.4fr)', title: head('status', columns.status), sorted: sorted('status'), cell: (one) => <Status instance={one} act={given.act} /> },
    { key: 'ends', width: 'minmax(142px, 1.5fr)', title: columns.ends, cell: (one) => <Ends instance={one} /> },
    { key: 'delay', width: '104px', title: columns.delay, cell: (one) => <Delay instance={one} /> },
    { key: 'progress', width: '88px', title: columns.progress, cell: (one) => <CopyProgress instance={one} /> },
    { key: 'rate', width: '98px', title: columns.rate, cell: (one) => <Rate instance={one} /> },
    { key: 'created', width: '88px', title: head('created_at', columns.created), sorted: sorted('created_at'), cell: (one) => <span className="small">{moment(one.created_at).slice(0, 16)}</span> },
    actions,
  ];
}

function SortButton({ by, title, filter, onFilter }: { by: SortBy; title: string; filter: Filter; onFilter: Given['onFilter'] }) {
  const words = useWords(dictionary);
  const isIt = filter.sort === by;
  const next = isIt && filter.order === 'ascending' ? 'descending' : 'ascending';
  const icon = isIt ? filter.order === 'ascending' ? <CaretUpOutlined /> : <CaretDownOutlined /> : undefined;
  return (
    <Button type="text" size="small" icon={icon} iconPlacement="end" title={words.sortBy(title)} onClick={() => onFilter({ sort: by, order: next })} style={{ padding: 0, fontWeight: 600 }}>
      {title}
    </Button>
  );
}

function Name({ instance }: { instance: Instance }) {
  const words = useWords(dictionary);
  return (
    <Flex vertical style={{ minWidth: 0 }}>
      <Flex gap={6} align="center" style={{ minWidth: 0 }}>
        {instance.kind === 'reverse' && <RollbackOutlined title={words.reverse} aria-label={words.reverse} />}
        <Link to={`/tasks/${instance.id}`} className="cut" title={instance.name}>
          {instance.name}
        </Link>
      </Flex>
      <Link to={`/tasks/${instance.id}`} className="cut" style={{ fontSize: 12 }} title={instance.id}>
        {instance.id}
      </Link>
    </Flex>
  );
}

function Status({ instance, act }: { instance: Instance; act: Act }) {
  const words = useWords(actionWords);
  if (!hasCause(instance)) return <StatusBadge instance={instance} />;
  return (
    <Flex vertical style={{ minWidth: 0 }}>
      <StatusBadge instance={instance} isBare />
      <Flex gap={6} align="center" style={{ minWidth: 0, fontSize: 12 }}>
        <Button type="link" size="small" style={{ padding: 0, height: 20, flex: 'none', fontSize: 12 }} onClick={(event) => act('cause', instance, undefined, event.currentTarget)}>
          {words.actions.cause}
        </Button>
        <span className="cut pale" title={instance.why?.detail}>
          {instance.why?.detail}
        </span>
      </Flex>
    </Flex>
  );
}

function Ends({ instance }: { instance: Instance }) {
  return (
    <Flex vertical style={{ minWidth: 0, fontSize: 12 }}>
      <EndpointLine endpoint={instance.source} isNarrow />
      <Flex gap={4} style={{ minWidth: 0 }}>
        <span aria-hidden>→</span>
        <EndpointLine endpoint={instance.target} isNarrow />
      </Flex>
    </Flex>
  );
}

function Delay({ instance: { progress } }: { instance: Instance }) {
  const words = useWords(dictionary);
  if (!progress || progress.step === 'preparing' || progress.step === 'copying') return '—';
  const isQuiet = progress.activity === 'idle' && progress.lag_ms_p99 == null;
  const small = (text: string) => <span className="pale tiny">{text}</span>;
  return (
    <Flex vertical style={{ minWidth: 0 }}>
      <span>
        {progress.activity === 'stuck' && <Tag color="error">{words.stuck}</Tag>}
        {duration(progress.behind_seconds)}
      </span>
      {isQuiet && small(words.idle)}
      {progress.lag_capture_ms_p99 != null && small(words.capture(delay(progress.lag_capture_ms_p99)))}
      {progress.lag_ms_p99 != null && small(words.apply(delay(progress.lag_ms_p99)))}
    </Flex>
  );
}

export function CopyProgress({ instance: { progress } }: { instance: Instance }) {
  const words = useWords(dictionary);
  if (!progress) return '—';
  const small = (text: string) => <span className="small">{text}</span>;
  if (progress.step === 'copying') {
    const all = progress.tables.reduce((sum, table) => sum + Math.max(table.rows_estimated, table.rows), 0);
    const done = progress.tables.reduce((sum, table) => sum + table.rows, 0);
    return (
      <Flex vertical style={{ minWidth: 0 }}>
        <Progress percent={percent(done, all)} size="small" aria-label={words.columns.progress} />
        {small(words.copied(brief(done), brief(all)))}
      </Flex>
    );
  }
  if (progress.step === 'preparing') return small(words.preparing);
  if (progress.step === 'collecting') return small(words.collecting);
  const left = progress.seq_captured - progress.seq_applied;
  return small(progress.step === 'catching_up' && left > 0 ? words.left(count(left)) : words.caughtUp);
}

function Rate({ instance }: { instance: Instance }) {
  if (!instance.progress) return '—';
  return (
    <Flex vertical>
      <span className="small">{brief(instance.progress.rows_per_second)}</span>
      <Sparkline values={instance.recent_rates ?? []} said={(value) => brief(value)} width={82} />
    </Flex>
  );
}

/** All of it in one cell, where there is no room beside each other. */
function Card({ instance, act }: { instance: Instance; act: Act }) {
  return (
    <Flex vertical gap={4} style={{ minWidth: 0 }}>
      <Name instance={instance} />
      <Status instance={instance} act={act} />
      <Ends instance={instance} />
      {instance.progress && (
        <Flex gap={12} align="center" justify="space-between">
          <Delay instance={instance} />
          <CopyProgress instance={instance} />
        </Flex>
      )}
    </Flex>
  );
}
