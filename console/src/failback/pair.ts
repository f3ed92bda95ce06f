// An instance and its reverse, and what can be said of the two at a moment.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { KEYS, useLive } from '../api/live';

export type TakeoverPlan = Schemas['TakeoverPlan'];
export type Side = 'a' | 'b';

export interface Pair {
  /** From A to B. */
  forward: Instance;
  /** From B to A. */
  reverse: Instance | null;
}

/** The steps of a takeover in their order; `admit` is the first that comes after the point of no return. */
export const STEPS = ['close', 'bring', 'rest', 'look', 'compare', 'decide', 'admit', 'move', 'open'] as const;
export type StepName = (typeof STEPS)[number];

/** What the page has to say first. */
export type Phase =
  /** There is no reverse. */
  | 'single'
  /** The reverse is made and cannot take over yet. */
  | 'preparing'
  /** Applications write to A. */
  | 'forward'
  /** One takes over; it can still be called off. */
  | 'turning'
  /** One takes over, and there is only forward. */
  | 'decided'
  /** Applications write to B. */
  | 'back'
  /** One of the two has ended. */
  | 'ended';

const NOT_READY: Instance['status'][] = ['NotConfigured', 'NotStarted', 'Prechecking', 'PrecheckFailed', 'PrecheckPassed'];
const ENDED: Instance['status'][] = ['Terminating', 'Completed', 'Releasing', 'Released'];
const RUNNING: Instance['status'][] = ['Initializing', 'Collecting', 'Synchronizing', 'Retrying', 'Switching'];

export const isRunning = (one: Instance) => RUNNING.includes(one.status);
const hasEnded = (one: Instance) => ENDED.includes(one.status);

/** The one that takes over at this moment. */
export function turningOf({ forward, reverse }: Pair): Instance | null {
  if (forward.status === 'Switching') return forward;
  return reverse?.status === 'Switching' ? reverse : null;
}

/** The one that has the right to write, if any has. */
export function writerOf({ forward, reverse }: Pair): Instance | null {
  if (forward.may_write) return forward;
  return reverse?.may_write ? reverse : null;
}

export function phaseOf(pair: Pair): Phase {
  const { forward, reverse } = pair;
  if (!reverse) return 'single';
  const turning = turningOf(pair);
  if (turning) return turning.may_write ? 'decided' : 'turning';
  if (hasEnded(forward) || hasEnded(reverse)) return 'ended';
  if (NOT_READY.includes(reverse.status)) return 'preparing';
  return reverse.may_write ? 'back' : 'forward';
}

/** The one that would take over if the direction were turned now. */
export function nextOf(pair: Pair): Instance | null {
  if (!pair.reverse) return null;
  return pair.reverse.may_write ? pair.forward : pair.reverse;
}

/** The other one of the two. */
export function otherOf(pair: Pair, one: Instance): Instance | null {
  return one.id === pair.forward.id ? pair.reverse : pair.forward;
}

/**
 * Where applications can write; nowhere while the direction is being turned. A side is closed as soon as the step after
 * `close` is done, and the other is opened by the last step.
 */
export function openSide(pair: Pair): Side | null {
  const turning = turningOf(pair);
  if (turning) {
    const isForward = turning.id === pair.forward.id;
    if (!turning.may_write && (turning.takeover?.step ?? 'close') === 'close') return isForward ? 'b' : 'a';
    return null;
  }
  const writer = writerOf(pair);
  if (!writer) return null;
  return writer.id === pair.forward.id ? 'a' : 'b';
}

/** The one that should bring the changes over and does not; null as long as they flow. */
export function stoppedOf(pair: Pair): Instance | null {
  const writer = writerOf(pair);
  return writer && !turningOf(pair) && ['Failed', 'Paused', 'Pausing', 'Retrying'].includes(writer.status) ? writer : null;
}

/** A row or a schema change waits for somebody's decision. */
export const hasConflict = (one: Instance | null) => one?.status === 'Failed' && ['TG-4005', 'TG-4013'].includes(one.why?.code ?? '');

/** Transactions that an instance has read and not written. */
export function waiting(one: Instance): number | null {
  return one.progress ? Math.max(0, one.progress.seq_captured - one.progress.seq_applied) : null;
}

/** Why something may not be asked of an instance now; null if it may. */
export function lockedWhy(one: Instance, action: string): string | null {
  return one.locked?.find((lock) => lock.action === action)?.why ?? null;
}

export const may = (one: Instance, command: Schemas['Command']) => one.commands.includes(command) && !lockedWhy(one, command);

const IN_A_HURRY: Instance['status'][] = ['Switching', 'Pausing', 'Prechecking'];
const HURRY_MS = 500;
const USUAL_MS = 15_000;

/** One instance as it was asked for, with what is told of it every second. */
export function useInstance(id: string | null | undefined) {
  const { running } = useLive();
  const question = useQuery({
    queryKey: [KEYS.instance, id],
    enabled: !!id,
    queryFn: () => asked(api.GET('/api/v1/instances/{id}', { params: { path: { id: id ?? '' } } })),
    // A takeover is over within seconds, and nobody can write meanwhile: it is looked at more often.
    refetchInterval: ({ state }) => (state.data && IN_A_HURRY.includes(state.data.status) ? HURRY_MS : USUAL_MS),
  });
  return { ...question, data: merged(question.data, id ? running.get(question.data?.id ?? id) : undefined) };
}

// What is told every second has neither the precheck nor what is locked. After a pause the last of it is old.
function merged(asked: Instance | undefined, told: Instance | undefined): Instance | undefined {
  if (!asked || !told || told.generation !== asked.generation) return asked;
  return { ...asked, progress: told.progress, takeover: asked.takeover ?? told.takeover, why: asked.why ?? told.why };
}

/** The pair that an instance belongs to, by the id of either. */
export function usePair(id: string) {
  const one = useInstance(id);
  const other = useInstance(one.data?.peer);
  useAgreement(one, other);
  // What was shown stays until the other is known, too: a dialog that is open stays open.
  const last = useRef<Pair | null>(null);
  const isPending = one.isPending || (!!one.data?.peer && other.isPending);
  const error = one.error ?? other.error;
  if (!one.data || isPending) return { pair: last.current, isPending, error };
  last.current = pairOf(agreed(one.data, other.data, one.dataUpdatedAt, other.dataUpdatedAt), agreed(other.data, one.data, other.dataUpdatedAt, one.dataUpdatedAt));
  return { pair: last.current, isPending, error };
}

// A reverse whose instance has gone stands alone: it is shown as what it is, one direction.
function pairOf(one: Instance | undefined, other: Instance | undefined): Pair | null {
  if (!one) return null;
  if (!other) return { forward: one, reverse: null };
  return one.kind === 'reverse' ? { forward: other, reverse: one } : { forward: one, reverse: other };
}

/**
 * The two are asked for one after the other, and the right to write may move in between. It is never held by both: whoever
 * was asked earlier has lost it since.
 */
function agreed(one: Instance | undefined, other: Instance | undefined, asked: number, otherAsked: number): Instance | undefined {
  return one?.may_write && other?.may_write && asked < otherAsked ? { ...one, may_write: false } : one;
}

type Question = ReturnType<typeof useInstance>;

/** When one of the two has moved, the other may have, too: it is asked for anew. */
function useAgreement(one: Question, other: Question) {
  const [a, b] = [one.data, other.data];
  const [askOne, askOther] = [one.refetch, other.refetch];
  const isOdd = !!a && !!b && a.may_write === b.may_write;
  const generation = a?.generation;
  const otherGeneration = b?.generation;
  const hasPeer = !!a?.peer;
  useEffect(() => {
    if (hasPeer && generation !== undefined) void askOther();
  }, [generation, hasPeer, askOther]);
  useEffect(() => {
    if (otherGeneration !== undefined) void askOne();
  }, [otherGeneration, askOne]);
  useEffect(() => {
    if (!isOdd) return;
    const timer = setInterval(() => {
      void askOne();
      void askOther();
    }, HURRY_MS);
    return () => clearInterval(timer);
  }, [isOdd, askOne, askOther]);
}
