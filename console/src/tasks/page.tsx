// The list of tasks.
import { PlusOutlined, ReloadOutlined } from '@ant-design/icons';
import { useQueryClient } from '@tanstack/react-query';
import { Button, Card, Empty, Flex, Grid, Switch, Typography } from 'antd';
import { useCallback, useState } from 'react';
import { useNavigate } from 'react-router';
import { useActions } from '../actions/asking';
import type { Instance } from '../api/client';
import { KEYS, useLive } from '../api/live';
import { useSession } from '../session';
import { count } from '../shown/numbers';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { Rows } from '../shown/rows';
import { useWords } from '../words';
import { BatchBar } from './batch';
import { useColumns } from './columns';
import { Filters, useFilter } from './filters';
import { all, type Filter, useListed } from './listed';
import { RegionSelect, useRegion } from './region';
import { dictionary } from './words';

const ROW = 62;
const CARD = 172;
const SEEN_FIRST = 30;

export default function Tasks({ kind }: { kind: Filter['kind'] }) {
  const words = useWords(dictionary);
  const [region, setRegion] = useRegion();
  const [filter, changeFilter] = useFilter(kind, region);
  const [seen, setSeen] = useState({ first: 0, last: SEEN_FIRST });
  const [chosen, setChosen] = useState<ReadonlyMap<string, Instance>>(new Map());
  const [dialogs, act] = useActions();
  const isWide = Grid.useBreakpoint().lg ?? true;
  const listed = useListed(filter, seen.first, seen.last);
  // What is selected is what can be seen: nobody is to stop tasks that a filter hides.
  const change = (part: Partial<Filter>) => {
    if (!part.sort) setChosen(new Map());
    changeFilter(part);
  };
  const changeRegion = (next: string) => {
    setChosen(new Map());
    setRegion(next);
  };
  const onSeen = useCallback((first: number, last: number) => setSeen((was) => (was.first === first && was.last === last ? was : { first, last })), []);
  const choose = (instance: Instance, isChosen: boolean) => {
    const next = new Map(chosen);
    if (isChosen) next.set(instance.id, instance);
    else next.delete(instance.id);
    setChosen(next);
  };
  const chooseAll = async (isChosen: boolean) => setChosen(isChosen ? new Map((await all(filter)).map((one) => [one.id, one])) : new Map());
  const state = chosen.size === 0 ? 'none' : chosen.size >= listed.rows.length ? 'all' : 'some';
  const columns = useColumns({ filter, onFilter: change, isChosen: (id) => chosen.has(id), onChoose: choose, onChooseAll: (isChosen) => void chooseAll(isChosen), chosen: state, act }, isWide);
  const isCut = filter.search !== '' || filter.statuses.length > 0 || filter.tag !== '' || filter.region !== '';
  const clear = () => {
    changeRegion('');
    change({ search: '', statuses: [], tag: '' });
  };
  return (
    <>
      {dialogs}
      <PageHead title={words.title[kind]} beside={<RegionSelect region={region} onChange={changeRegion} />} actions={<Create kind={kind} />} />
      <Flex gap={12} wrap justify="space-between" align="center" style={{ marginBottom: 10 }}>
        <Filters filter={filter} onChange={change} />
        <Refreshing total={listed.rows.length} isLoading={listed.isLoading} />
      </Flex>
      <ProblemAlert error={listed.error} />
      <Rows
        label={words.title[kind]}
        columns={columns}
        rows={listed.rows}
        rowKey={(one) => one.id}
        rowHeight={isWide ? ROW : CARD}
        minWidth={isWide ? 1012 : 0}
        of={JSON.stringify(filter)}
        isLoading={listed.isLoading && listed.rows.length === 0}
        isSelected={(one) => chosen.has(one.id)}
        onSeen={onSeen}
        empty={isCut ? <NoneFits onClear={clear} /> : <NoneYet kind={kind} />}
      />
      <BatchBar chosen={[...chosen.values()]} onDone={() => setChosen(new Map())} />
    </>
  );
}

function Create({ kind }: { kind: Filter['kind'] }) {
  const words = useWords(dictionary);
  const go = useNavigate();
  const { may } = useSession();
  return (
    <Button type="primary" icon={<PlusOutlined />} disabled={!may('operator')} onClick={() => void go(`/new?kind=${kind}`)}>
      {words.create[kind]}
    </Button>
  );
}

function Refreshing({ total, isLoading }: { total: number; isLoading: boolean }) {
  const words = useWords(dictionary);
  const questions = useQueryClient();
  const { isOn, turn } = useLive();
  return (
    <Flex gap={10} align="center">
      <Typography.Text type="secondary">{words.total(count(total))}</Typography.Text>
      <label className="beside">
        <Switch size="small" checked={isOn} onChange={turn} aria-label={words.autoRefresh} />
        {words.autoRefresh}
      </label>
      <Button icon={<ReloadOutlined spin={isLoading} />} onClick={() => void questions.invalidateQueries({ queryKey: [KEYS.instances] })}>
        {words.refresh}
      </Button>
    </Flex>
  );
}

function NoneFits({ onClear }: { onClear: () => void }) {
  const words = useWords(dictionary);
  return (
    <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={words.none}>
      <Button onClick={onClear}>{words.clear}</Button>
    </Empty>
  );
}

function NoneYet({ kind }: { kind: Filter['kind'] }) {
  const words = useWords(dictionary);
  return (
    <Card style={{ maxWidth: 640 }}>
      <Typography.Title level={2} style={{ fontSize: 16, marginTop: 0 }}>
        {words.empty.title[kind]}
      </Typography.Title>
      <Typography.Paragraph>{words.empty.text[kind]}</Typography.Paragraph>
      <Typography.Paragraph type="secondary">{words.empty.first}</Typography.Paragraph>
      <Create kind={kind} />
    </Card>
  );
}
