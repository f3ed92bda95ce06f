// The list as the server cuts it: only pages that can be seen are asked for.
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, asked, type Instance, type Status } from '../api/client';
import { KEYS, useLive } from '../api/live';

export type SortBy = 'name' | 'status' | 'created_at' | 'changed_at';

export interface Filter {
  kind: 'sync' | 'migration';
  search: string;
  statuses: Status[];
  tag: string;
  region: string;
  sort: SortBy;
  order: 'ascending' | 'descending';
}

const PAGE = 100;
/** What the server gives at most at once. */
const MOST = 1000;

interface Listed {
  /** As many as there are; those that were not loaded are undefined. */
  rows: (Instance | undefined)[];
  isLoading: boolean;
  error: unknown;
  refetch: () => void;
}

export function useListed(filter: Filter, first: number, last: number): Listed {
  const head = useQuery({ ...pageOf(filter, 0), placeholderData: keepPreviousData });
  const total = head.data?.total ?? 0;
  const from = Math.max(1, Math.floor(first / PAGE));
  const to = Math.min(Math.floor(Math.max(last - 1, 0) / PAGE), Math.ceil(total / PAGE) - 1);
  const seen = Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
  const pages = useQueries({ queries: seen.map((page) => pageOf(filter, page)) });
  const { running } = useLive();
  const loaded = [{ page: 0, data: head.data }, ...pages.map((page, at) => ({ page: seen[at] ?? 0, data: page.data }))];
  const told = loaded.map(({ data }) => data);
  const rows = useMemo(() => {
    const all: (Instance | undefined)[] = new Array(total).fill(undefined);
    for (const { page, data } of loaded) {
      data?.instances.forEach((instance, at) => {
        all[page * PAGE + at] = fresher(instance, running.get(instance.id));
      });
    }
    return all;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `loaded` is new each time; `told` is what it is made from.
  }, [total, running, ...told]);
  return { rows, isLoading: head.isFetching, error: head.error, refetch: () => void head.refetch() };
}

/** All that fit, for those who select all. */
export async function all(filter: Filter): Promise<Instance[]> {
  const found: Instance[] = [];
  for (;;) {
    const page = await asked(listing(filter, found.length, MOST));
    found.push(...page.instances);
    if (page.instances.length === 0 || found.length >= page.total) return found;
  }
}

/** Whichever of two views of an instance is the later one. */
export function fresher(listed: Instance, live: Instance | undefined): Instance {
  return live && live.generation >= listed.generation ? { ...listed, ...live } : listed;
}

function pageOf(filter: Filter, page: number) {
  return { queryKey: [KEYS.instances, filter, page], queryFn: () => asked(listing(filter, page * PAGE, PAGE)) };
}

function listing(filter: Filter, offset: number, limit: number) {
  const given = {
    kind: filter.kind === 'sync' ? 'sync,reverse' : filter.kind,
    status: filter.statuses.join(',') || undefined,
    search: filter.search || undefined,
    tag: filter.tag || undefined,
    region: filter.region || undefined,
    sort: filter.sort,
    order: filter.order,
    offset,
    limit,
  };
  return api.GET('/api/v1/instances', { params: { query: given as object } });
}
