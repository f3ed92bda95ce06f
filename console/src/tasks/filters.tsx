// What the list is cut by. It stands in the address, so that a link shows the same list.
import { SearchOutlined } from '@ant-design/icons';
import { Flex, Input, Select } from 'antd';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Status } from '../api/client';
import { useStatusName } from '../shown/status';
import { useWords } from '../words';
import type { Filter, SortBy } from './listed';
import { dictionary, STATUSES } from './words';

const DEBOUNCE_MS = 100;
export function useFilter(kind: Filter['kind'], region: string): [Filter, (change: Partial<Filter>) => void] {
  const [params, setParams] = useSearchParams();
  const filter: Filter = {
    kind,
    region,
    search: params.get('search') ?? '',
    statuses: (params.get('status')?.split(',') ?? []) as Status[],
    tag: params.get('tag') ?? '',
    sort: (params.get('sort') as SortBy | null) ?? 'name',
    order: params.get('order') === 'descending' ? 'descending' : 'ascending',
  };
  const change = (part: Partial<Filter>) => {
    const next = { ...filter, ...part };
    const said = { search: next.search, status: next.statuses.join(','), tag: next.tag, sort: next.sort === 'name' ? '' : next.sort, order: next.order === 'descending' ? next.order : '' };
    setParams(Object.entries(said).filter(([, value]) => value !== ''), { replace: true });
  };
  return [filter, change];
}

export function Filters({ filter, onChange }: { filter: Filter; onChange: (part: Partial<Filter>) => void }) {
  const words = useWords(dictionary);
  const name = useStatusName();
  const [search, setSearch] = useLater(filter.search, (value) => onChange({ search: value }));
  const [tag, setTag] = useLater(filter.tag, (value) => onChange({ tag: value }));
  // Of a reverse that collects people read the same as of a first copy: one choice stands for both.
  const offered = STATUSES.filter((status) => status !== 'Collecting');
  const chosen = filter.statuses.filter((status) => status !== 'Collecting');
  const choose = (statuses: Status[]) => onChange({ statuses: statuses.includes('Initializing') ? [...statuses, 'Collecting'] : statuses });
  return (
    <Flex gap={8} wrap style={{ flex: '1 1 420px' }}>
      <Input allowClear prefix={<SearchOutlined />} aria-label={words.search} placeholder={words.search} value={search} onChange={(event) => setSearch(event.target.value)} style={{ flex: '1 1 200px', maxWidth: 300 }} />
      <Select<Status[]>
        mode="multiple"
        allowClear
        maxTagCount="responsive"
        aria-label={words.status}
        placeholder={words.status}
        value={chosen}
        onChange={choose}
        optionFilterProp="label"
        style={{ flex: '1 1 140px', maxWidth: 240 }}
        popupMatchSelectWidth={280}
        options={offered.map((status) => ({ value: status, label: name(status) }))}
      />
      <Input allowClear aria-label={words.tag} placeholder={`${words.tag}: ${words.tagHint}`} value={tag} onChange={(event) => setTag(event.target.value)} style={{ flex: '1 1 120px', maxWidth: 200 }} />
    </Flex>
  );
}

/** A field whose value is told only when the typing rests. */
function useLater(given: string, tell: (value: string) => void): [string, (value: string) => void] {
  const [value, setValue] = useState(given);
  useEffect(() => setValue(given), [given]);
  useEffect(() => {
    if (value === given) return;
    const timer = setTimeout(() => tell(value), DEBOUNCE_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `tell` is new each time; only typing begins the wait anew.
  }, [value]);
  return [value, setValue];
}
