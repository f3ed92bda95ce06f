// What the service tells by itself: one stream of events for the whole page.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useEffect, useMemo, useRef, useState } from 'react';
import type { Instance } from './client';

/** Asked at once, and after each event of an instance's life. */
export const KEYS = { instances: 'instances', instance: 'instance', history: 'history' } as const;

/** Hundreds of tasks may change at once: lists are asked for again once for all of them. */
const LISTS_MS = 250;

interface Live {
  /** What runs, by id, as it was last told. */
  running: ReadonlyMap<string, Instance>;
  isConnected: boolean;
  /** The switch *Auto Refresh*. */
  isOn: boolean;
  turn: (on: boolean) => void;
}

const Context = createContext<Live>({ running: new Map(), isConnected: false, isOn: true, turn: () => {} });

export function LiveEvents({ children }: { children: ReactNode }) {
  const questions = useQueryClient();
  const [running, setRunning] = useState<ReadonlyMap<string, Instance>>(new Map());
  const [isConnected, setConnected] = useState(false);
  const [isOn, turn] = useState(true);
  const kept = useRef(new Map<string, Instance>());
  useEffect(() => {
    if (!isOn) return;
    const source = new EventSource('/api/v1/events');
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const listsAnew = () => {
      waiting = undefined;
      void questions.invalidateQueries({ queryKey: [KEYS.instances] });
    };
    const anew = (id?: string) => {
      waiting ??= setTimeout(listsAnew, LISTS_MS);
      void questions.invalidateQueries({ queryKey: id ? [KEYS.instance, id] : [KEYS.instance] });
      void questions.invalidateQueries({ queryKey: id ? [KEYS.history, id] : [KEYS.history] });
    };
    source.onopen = () => {
      setConnected(true);
      anew();
    };
    source.onerror = () => setConnected(false);
    source.addEventListener('status', (event) => anew((JSON.parse(event.data) as { id: string }).id));
    source.addEventListener('missed', () => anew());
    source.addEventListener('instances', (event) => {
      for (const one of JSON.parse(event.data) as Instance[]) kept.current.set(one.id, one);
      setRunning(new Map(kept.current));
    });
    return () => {
      clearTimeout(waiting);
      source.close();
      setConnected(false);
    };
  }, [isOn, questions]);
  const live = useMemo(() => ({ running, isConnected, isOn, turn }), [running, isConnected, isOn]);
  return <Context value={live}>{children}</Context>;
}

export function useLive(): Live {
  return use(Context);
}
