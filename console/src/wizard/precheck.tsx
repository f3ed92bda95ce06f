// The fourth step: everything that would stop the task is looked at before it is started.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Progress, Spin } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { PrecheckItems } from '../actions/precheck-items';
import { api, asked, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

interface Props {
  instance: Instance;
  /** It was saved just now: the precheck begins by itself. */
  shouldRun: boolean;
  onBack: () => void;
  onNext: () => void;
}

export function Precheck({ instance, shouldRun, onBack, onNext }: Props) {
  const words = useWords(dictionary);
  const questions = useQueryClient();
  const isRunning = instance.status === 'Prechecking';
  const run = useMutation({
    mutationFn: () => asked(api.POST('/api/v1/instances/{id}/{command}', { params: { path: { id: instance.id, command: 'precheck' } }, body: { generation: null } })),
    onSuccess: () => questions.invalidateQueries({ queryKey: [KEYS.instance, instance.id] }),
  });
  const began = useRef(false);
  const { mutate } = run;
  useEffect(() => {
    if (!shouldRun || began.current || instance.status !== 'NotStarted') return;
    began.current = true;
    mutate();
  }, [shouldRun, instance.status, mutate]);
  const items = instance.precheck ?? [];
  const passed = items.filter((item) => ['passed', 'warning', 'skipped'].includes(item.result)).length;
  const bad = items.filter((item) => ['failed', 'unknown'].includes(item.result)).length;
  const isPassed = instance.status === 'PrecheckPassed';
  return (
    <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.precheck.title}</h2>}>
      <ProblemAlert error={run.error} />
      {isRunning || run.isPending ? (
        <Running />
      ) : (
        items.length > 0 && (
          <>
            <Flex gap={12} align="center" style={{ marginBottom: 12 }}>
              <Progress type="circle" size={52} percent={Math.floor((passed / items.length) * 100)} status={bad > 0 ? 'exception' : 'success'} aria-label={words.precheck.rate} />
              {isPassed ? <Alert type="success" showIcon title={words.precheck.passed} style={{ flex: 1 }} /> : bad > 0 && <Alert type="error" showIcon title={words.precheck.failed(bad)} style={{ flex: 1 }} />}
            </Flex>
            <ProblemAlert error={bad === 0 ? instance.why : null} />
            <PrecheckItems key={instance.generation} instance={instance} />
          </>
        )
      )}
      {items.length === 0 && !isRunning && !run.isPending && <p>{words.precheck.none}</p>}
      <Flex wrap gap={8} style={{ marginTop: 16 }}>
        <Button size="large" onClick={onBack} disabled={isRunning}>
          {words.back}
        </Button>
        <Button size="large" type={isPassed ? 'default' : 'primary'} loading={isRunning || run.isPending} onClick={() => run.mutate()}>
          {words.precheck.again}
        </Button>
        <Button size="large" type="primary" disabled={!isPassed} onClick={onNext}>
          {words.next}
        </Button>
      </Flex>
    </Card>
  );
}

function Running() {
  const words = useWords(dictionary).precheck;
  const [passed, setPassed] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setPassed((seconds) => seconds + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <p aria-live="polite">
      <Spin size="small" /> {words.running} {passed > 2 && words.seconds(passed)}
    </p>
  );
}
