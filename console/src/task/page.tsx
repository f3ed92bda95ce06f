// One task.
import { useQuery } from '@tanstack/react-query';
import { Breadcrumb, Button, Flex, Result, Spin, Tag, Typography } from 'antd';
import { type ReactNode, useRef } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import { type Act, useActions } from '../actions/asking';
import { ActionMenu } from '../actions/menu';
import { type Action, hasCause, lockOf } from '../actions/offered';
import { PrecheckItems } from '../actions/precheck-items';
import { tagsText } from '../actions/tags';
import { dictionary as actionWords } from '../actions/words';
import { api, asked, type Instance } from '../api/client';
import { KEYS, useLive } from '../api/live';
import { useSession } from '../session';
import { CopyButton } from '../shown/copy';
import { EndpointLine } from '../shown/endpoint';
import { moment } from '../shown/numbers';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { StatusBadge } from '../shown/status';
import { fresher } from '../tasks/listed';
import { useWords } from '../words';
import { Cleanup } from './cleanup';
import { Endpoints } from './endpoints';
import { History } from './history';
import { ObjectsTab } from './objects';
import { Overview } from './overview';
import { Parameters } from './parameters';
import { Positions } from './positions';
import { Tables } from './tables';
import { Verification } from './verification';
import { dictionary } from './words';

export default function Task() {
  const words = useWords(dictionary);
  const { id = '' } = useParams();
  const { running } = useLive();
  const whole = useQuery({
    queryKey: [KEYS.instance, id],
    queryFn: () => asked(api.GET('/api/v1/instances/{id}', { params: { path: { id } } })),
    refetchInterval: (query) => (query.state.data?.status === 'Prechecking' ? 1000 : false),
  });
  if (whole.isPending) return <Spin style={{ display: 'block', margin: '80px auto' }} />;
  if (!whole.data) return <Result status="404" title={<h1 style={{ fontSize: 20 }}>{words.missing}</h1>} subTitle={<ProblemAlert error={whole.error} />} />;
  return <Shown instance={fresher(whole.data, running.get(whole.data.id))} />;
}

function Shown({ instance }: { instance: Instance }) {
  const words = useWords(dictionary);
  const [params] = useSearchParams();
  const [dialogs, act] = useActions();
  const tabs: [keyof typeof words.tabs, ReactNode][] = [
    ['overview', <Overview key="overview" instance={instance} />],
    ['tables', <Tables key="tables" instance={instance} />],
    ['positions', <Positions key="positions" instance={instance} />],
    ['history', <History key="history" id={instance.id} />],
    ['parameters', <Parameters key="parameters" instance={instance} />],
    ['objects', <ObjectsTab key="objects" instance={instance} />],
    ['endpoints', <Endpoints key="endpoints" instance={instance} />],
    ['precheck', <Precheck key="precheck" instance={instance} act={act} />],
    ['verification', <Verification key="verification" instance={instance} />],
    ['cleanup', <Cleanup key="cleanup" instance={instance} />],
  ];
  const chosen = params.get('tab') ?? 'overview';
  return (
    <>
      {dialogs}
      <Head instance={instance} act={act} />
      <ProblemAlert error={instance.why} type={instance.status === 'Failed' || instance.status === 'PrecheckFailed' ? 'error' : 'warning'} />
      <nav aria-label={instance.name} className="tabs sideways">
        {tabs.map(([key]) => (
          <Link key={key} to={key === 'overview' ? `/tasks/${instance.id}` : `?tab=${key}`} replace aria-current={key === chosen ? 'page' : undefined}>
            {words.tabs[key]}
          </Link>
        ))}
        {instance.peer && <Link to={`/failback/${instance.id}`}>{words.tabs.conflicts}</Link>}
      </nav>
      {tabs.find(([key]) => key === chosen)?.[1]}
    </>
  );
}

function Head({ instance, act }: { instance: Instance; act: Act }) {
  const words = useWords(dictionary);
  const kind = instance.kind === 'migration' ? 'migration' : 'sync';
  const isReverse = instance.kind === 'reverse';
  const tags = tagsText(instance).split('\n').filter((tag) => tag !== '');
  return (
    <>
      <Breadcrumb items={[{ title: <Link to={`/${kind}`}>{words.back[kind]}</Link> }, { title: instance.name }]} style={{ marginBottom: 6 }} />
      <PageHead title={instance.name} beside={<StatusBadge instance={{ ...instance, why: null }} />} actions={<Buttons instance={instance} act={act} />} />
      <Flex gap={16} wrap style={{ marginBottom: 10, rowGap: 4 }}>
        <span>
          <Typography.Text type="secondary">{words.id} </Typography.Text>
          {instance.id}
          <CopyButton text={instance.id} label={words.id} />
        </span>
        <Flex gap={6} style={{ minWidth: 0 }}>
          <EndpointLine endpoint={instance.source} />
          <span aria-hidden>→</span>
          <EndpointLine endpoint={instance.target} />
        </Flex>
        <span>
          <Typography.Text type="secondary">{words.since} </Typography.Text>
          {moment(instance.changed_at)}
        </span>
        {instance.peer && (
          <span>
            <Typography.Text type="secondary">{isReverse ? words.forwardOf : words.reverseIs} </Typography.Text>
            <Link to={`/tasks/${instance.peer}`}>{instance.peer}</Link>{' '}
            <Tag color={instance.may_write ? 'success' : 'default'}>{instance.may_write ? words.mayWrite : words.mayNotWrite}</Tag>
          </span>
        )}
        {tags.map((tag) => (
          <Tag key={tag}>{tag}</Tag>
        ))}
      </Flex>
    </>
  );
}

/** What somebody is likely to want now stands beside the menu that has it all. */
function Buttons({ instance, act }: { instance: Instance; act: Act }) {
  const words = useWords(actionWords);
  const { may } = useSession();
  const box = useRef<HTMLDivElement>(null);
  const isReverse = instance.kind === 'reverse';
  const start: Action = isReverse ? 'startReverse' : instance.status === 'Paused' || instance.status === 'Failed' ? 'resume' : 'start';
  const likely: Action[] = [start, 'pause', ...(isReverse || instance.peer ? (['failback'] as const) : (['reverse'] as const))];
  const free = likely.filter((action) => !lockOf(action, instance, may('operator'), words));
  return (
    <Flex ref={box} gap={8} wrap align="center">
      {hasCause(instance) && <Button onClick={(event) => act('cause', instance, undefined, event.currentTarget)}>{words.actions.cause}</Button>}
      {free.map((action) => (
        <Button key={action} type={action === 'start' || action === 'resume' ? 'primary' : 'default'} onClick={(event) => act(action, instance, undefined, event.currentTarget)}>
          {words.actions[action]}
        </Button>
      ))}
      <ActionMenu instance={instance} onAct={act} />
    </Flex>
  );
}

function Precheck({ instance, act }: { instance: Instance; act: Act }) {
  const words = useWords(actionWords);
  const { may } = useSession();
  return (
    <>
      {may('operator') && instance.commands.includes('precheck') && (
        <Button style={{ marginBottom: 12 }} onClick={(event) => act('precheck', instance, undefined, event.currentTarget)}>
          {words.cause.all}
        </Button>
      )}
      <PrecheckItems key={instance.generation} instance={instance} />
    </>
  );
}
