// What happened to a task, and what of it says how applications are kept out.
import { useQuery } from '@tanstack/react-query';
import { api, asked, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { type Pair, turningOf, writerOf } from './pair';

export function useHistory(one: Instance | null) {
  return useQuery({
    queryKey: [KEYS.history, one?.id],
    enabled: !!one,
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/history', { params: { path: { id: one?.id ?? '' } } })),
    // Notes of a takeover are no transitions: no event tells of them.
    refetchInterval: one?.status === 'Switching' ? 1000 : false,
  });
}

export interface Closing {
  /** Nothing keeps applications out but whoever said that none writes. */
  isDeclared: boolean;
  /** How it was done, as the service says it. */
  said: string;
}

/** How the side that applications have left was closed; null if nobody has closed it. */
export function useClosing(pair: Pair): Closing | null {
  const turning = turningOf(pair);
  const history = useHistory(turning ?? writerOf(pair));
  const lines = history.data ?? [];
  const at = lines.findLastIndex((line) => line.event === 'closed to applications');
  // Of an earlier turn that was declined, and not of this one.
  const isOld = !!turning && lines.findLastIndex((line) => ['takeover', 'start'].includes(line.event)) > at;
  const closed = isOld ? undefined : lines[at];
  return closed ? { isDeclared: (closed.why ?? '').startsWith('as declared'), said: closed.why ?? '' } : null;
}
