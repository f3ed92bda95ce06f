// The first thing to read: where applications write, and whether that can be taken back.
import { Alert, Grid } from 'antd';
import { useEffect, useRef, useState } from 'react';
import type { Instance } from '../api/client';
import { ProblemText } from '../shown/problem';
import { useWords } from '../words';
import { CallOff } from './call-off';
import type { Doing } from './doing';
import { hasConflict, nextOf, openSide, type Pair, type Phase, stoppedOf, turningOf, writerOf } from './pair';
import { dictionary } from './words';

const TYPES: Record<Phase, 'info' | 'success' | 'warning' | 'error'> = {
  single: 'info',
  preparing: 'warning',
  forward: 'success',
  turning: 'warning',
  decided: 'warning',
  back: 'success',
  ended: 'error',
};

export function Headline({ pair, phase, doing }: { pair: Pair; phase: Phase; doing: Doing }) {
  const words = useWords(dictionary);
  const stopped = phase === 'single' || phase === 'ended' ? null : stoppedOf(pair);
  const { title, text } = stopped ? { title: words.stopped.title(stopped.name, openSide(pair) ?? 'a'), text: hasConflict(stopped) ? words.stopped.conflict : (words.stopped.why[stopped.status] ?? '') } : words.phase[phase];
  const type = !stopped ? TYPES[phase] : stopped.status === 'Failed' ? 'error' : 'warning';
  const turning = turningOf(pair);
  const top = useRef<HTMLDivElement>(null);
  // The button that begins it stands far below; what happens then is up here.
  const shown = useRef(phase);
  useEffect(() => {
    if (shown.current === phase) return;
    shown.current = phase;
    top.current?.scrollIntoView({ block: 'center' });
  }, [phase]);
  const isWide = Grid.useBreakpoint().md;
  const callOff = turning && <CallOff pair={pair} turning={turning} doing={doing} />;
  const big = { fontSize: 18, fontWeight: 600 };
  return (
    <div ref={top} aria-live="polite" style={{ display: 'grid', gap: 12 }}>
      <Alert type={type} showIcon title={<span style={big}>{title}</span>} description={isWide ? text : <>{text}<div style={{ marginTop: 10 }}>{callOff}</div></>} action={isWide && callOff} />
      <Outcome pair={pair} />
    </div>
  );
}

/** What became of the last turn that was seen from here, and why the one before did not take over. */
function Outcome({ pair }: { pair: Pair }) {
  const words = useWords(dictionary);
  const turning = turningOf(pair);
  const seen = useRef<string | null>(null);
  const [took, setTook] = useState<string | null>(null);
  // A turn may be over before it was seen: then the right to write is elsewhere all of a sudden.
  const writer = writerOf(pair)?.id ?? null;
  const held = useRef(writer);
  useEffect(() => {
    const hasMoved = writer !== null && held.current !== null && writer !== held.current;
    if (writer) held.current = writer;
    if (turning) {
      seen.current = turning.id;
      setTook(null);
    } else if (seen.current || hasMoved) {
      setTook(hasMoved ? writer : seen.current);
      seen.current = null;
    }
  }, [turning, writer]);
  const one = [pair.forward, pair.reverse].find((candidate): candidate is Instance => !!candidate && candidate.id === took);
  if (one?.may_write) {
    const side = one.id === pair.forward.id ? 'a' : 'b';
    return <Alert type="success" showIcon closable title={words.outcome.took(one.name, side)} description={words.turn.applied} />;
  }
  const next = nextOf(pair);
  if (one && !one.why && !turning) return <Alert type="info" showIcon closable title={words.outcome.calledOff(one.name)} />;
  if (turning || !next?.why || !['Collecting', 'Paused'].includes(next.status)) return null;
  return (
    <Alert
      type="error"
      role="alert"
      showIcon
      title={words.outcome.declined(next.name)}
      description={
        <>
          <p style={{ margin: '0 0 6px' }}>{next.why.detail}</p>
          <ProblemText problem={next.why} />
        </>
      }
    />
  );
}
