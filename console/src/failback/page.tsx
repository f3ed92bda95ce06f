// An instance and its reverse: which way the changes flow, and how that is turned around.
import { Breadcrumb, Card, Col, Empty, Flex, Row, Spin } from 'antd';
import { useMemo } from 'react';
import { Link, useParams } from 'react-router';
import { useNote } from '../shown/confirm';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { useAsking } from './asking';
import { Conflicts } from './conflicts';
import { CreateReverse } from './create';
import { Directions } from './directions';
import { GatePicture } from './gate';
import { Headline } from './headline';
import { Manual } from './manual';
import { hasConflict, type Pair, phaseOf, turningOf, usePair } from './pair';
import { Preview } from './preview';
import { TakeoverProgress } from './progress';
import { Sides } from './sides';
import { Timeline } from './timeline';
import { Turn } from './turn';
import { dictionary } from './words';

export default function Failback() {
  const { id = '' } = useParams();
  // Another address is another pair: nothing of the one before stays.
  return <Known key={id} id={id} />;
}

function Known({ id }: { id: string }) {
  const { pair, isPending, error } = usePair(id);
  if (pair) return <PairPage pair={pair} error={error} />;
  if (isPending) return <Spin style={{ display: 'block', margin: '80px auto' }} />;
  return error ? <ProblemAlert error={error} /> : <Empty />;
}

function PairPage({ pair, error }: { pair: Pair; error: unknown }) {
  const words = useWords(dictionary);
  const asking = useAsking();
  const [dialog, ask] = useNote();
  const phase = phaseOf(pair);
  const turning = turningOf(pair);
  // What waits for a decision comes before everything else.
  const isConflict = hasConflict(pair.forward) || hasConflict(pair.reverse);
  const doing = useMemo(() => ({ asking, ask }), [asking, ask]);
  return (
    <div style={{ maxWidth: 1320 }}>
      <Breadcrumb style={{ marginBottom: 8 }} items={[{ title: <Link to="/sync">{words.tasks}</Link> }, { title: <Link to={`/tasks/${pair.forward.id}`}>{pair.forward.name}</Link> }]} />
      <PageHead title={words.title(pair.forward.name)} />
      {dialog}
      <ProblemAlert error={error} />
      <Flex vertical gap={16}>
        <Headline pair={pair} phase={phase} doing={doing} />
        <Row gutter={[16, 16]}>
          <Col xs={24} xl={turning ? 13 : 24}>
            <Card size="small">
              <GatePicture pair={pair} />
              <Sides pair={pair} />
              <Directions pair={pair} doing={doing} />
            </Card>
          </Col>
          {turning && (
            <Col xs={24} xl={11}>
              <TakeoverProgress pair={pair} turning={turning} />
            </Col>
          )}
        </Row>
        {phase === 'single' && <CreateReverse forward={pair.forward} doing={doing} />}
        {isConflict && <Conflicts pair={pair} doing={doing} />}
        {(phase === 'forward' || phase === 'back') && <Turn key={phase} pair={pair} doing={doing} />}
        {phase === 'forward' && <Manual pair={pair} doing={doing} />}
        {pair.reverse && !isConflict && <Conflicts pair={pair} doing={doing} />}
        <Row gutter={[16, 16]}>
          {pair.reverse && (
            <Col xs={24} xl={10}>
              <Preview reverse={pair.reverse} />
            </Col>
          )}
          <Col xs={24} xl={pair.reverse ? 14 : 24}>
            <Timeline pair={pair} />
          </Col>
        </Row>
      </Flex>
    </div>
  );
}
