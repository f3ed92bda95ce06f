// Creating a task, or configuring one that was not started: five steps from two databases to a running link.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Col, Row, Spin, Steps } from 'antd';
import { useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { api, asked, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { useNote } from '../shown/confirm';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { useSession } from '../session';
import { useWords } from '../words';
import { type Draft, draftOf, newDraft, requestOf } from './draft';
import { Ends } from './ends';
import { Equivalent } from './equivalent';
import { useLeaving } from './leaving';
import { ObjectsStep } from './objects-step';
import { Precheck } from './precheck';
import { Settings } from './settings';
import { Start } from './start';
import { dictionary } from './words';

const EDITABLE: Instance['status'][] = ['NotConfigured', 'NotStarted', 'Prechecking', 'PrecheckFailed', 'PrecheckPassed'];
const PRECHECK = 3;
const START = 4;

export default function Wizard() {
  const { id } = useParams();
  const [search] = useSearchParams();
  const words = useWords(dictionary);
  const { may } = useSession();
  const kind = search.get('kind') === 'migration' ? 'migration' : 'sync';
  const instance = useQuery({
    queryKey: [KEYS.instance, id],
    enabled: !!id,
    queryFn: () => asked(api.GET('/api/v1/instances/{id}', { params: { path: { id: id ?? '' } } })),
    refetchInterval: ({ state }) => (state.data?.status === 'Prechecking' ? 1000 : false),
  });
  if (!may('operator')) return <Alert type="warning" showIcon title={words.operator} />;
  if (instance.error && !instance.data) return <ProblemAlert error={instance.error} />;
  if (id && !instance.data) return <Spin style={{ display: 'block', margin: '80px auto' }} />;
  if (instance.data && (!EDITABLE.includes(instance.data.status) || instance.data.kind === 'reverse')) return <NotEditable id={instance.data.id} />;
  return <Filled key={id ? 'configure' : kind} kind={kind} instance={instance.data} firstStep={Number(search.get('step') ?? 0)} isToRun={search.get('run') === '1'} />;
}

function NotEditable({ id }: { id: string }) {
  const words = useWords(dictionary);
  const go = useNavigate();
  return <Alert type="info" showIcon title={words.notEditable} action={<Button onClick={() => void go(`/tasks/${id}`)}>{words.openTask}</Button>} />;
}

/** A new task begins with the first step; nothing is started that has not passed its precheck. */
function stepOf(instance: Instance | undefined, wanted: number): number {
  if (!instance || !Number.isInteger(wanted) || wanted < 0) return 0;
  return Math.min(wanted, instance.status === 'PrecheckPassed' ? START : PRECHECK);
}

interface FilledProps {
  kind: Draft['kind'];
  instance: Instance | undefined;
  firstStep: number;
  /** The precheck is run as soon as it is shown. */
  isToRun: boolean;
}

function Filled({ kind, instance, firstStep, isToRun }: FilledProps) {
  const words = useWords(dictionary);
  const go = useNavigate();
  const questions = useQueryClient();
  const [draft, setDraft] = useState<Draft>(() => (instance ? draftOf(instance) : newDraft(kind)));
  const [step, setStep] = useState(() => stepOf(instance, firstStep));
  const [isUnsaved, setUnsaved] = useState(false);
  const [dialog, ask] = useNote();
  const [shouldRun, setShouldRun] = useState(isToRun);
  const uncover = useLeaving(isUnsaved, (leave) => ask({ title: words.leave.title, text: words.leave.text, ok: words.leave.ok, isDangerous: true, run: async () => leave() }));
  const change = (next: Draft) => {
    setDraft(next);
    setUnsaved(true);
  };
  const save = async () => {
    const body = requestOf(draft, instance);
    const saved = instance ? await asked(api.PUT('/api/v1/instances/{id}', { params: { path: { id: instance.id } }, body })) : await asked(api.POST('/api/v1/instances', { body }));
    await uncover();
    setUnsaved(false);
    setShouldRun(true);
    questions.setQueryData([KEYS.instance, saved.id], saved);
    void questions.invalidateQueries({ queryKey: [KEYS.instances] });
    // A new task has an address of its own from now on: that is another page, which has the precheck run.
    void go(`/configure/${saved.id}?step=${PRECHECK}&run=1`, { replace: true });
    setStep(PRECHECK);
  };
  return (
    <div style={{ maxWidth: 1320 }}>
      {dialog}
      <PageHead title={instance ? words.configure(instance.name) : words.title[draft.kind]} />
      <Steps size="small" current={step} items={words.steps.map((title) => ({ title }))} onChange={(next) => next < step && setStep(next)} style={{ marginBottom: 20 }} responsive />
      <Row gutter={[20, 20]}>
        <Col xs={24} xl={16}>
          {step === 0 && <Ends draft={draft} instance={instance} onChange={change} onNext={() => setStep(1)} />}
          {step === 1 && <ObjectsStep draft={draft} instance={instance} onChange={change} onBack={() => setStep(0)} onNext={() => setStep(2)} />}
          {step === 2 && <Settings draft={draft} onChange={change} onBack={() => setStep(1)} onSave={save} />}
          {step === PRECHECK && instance && <Precheck instance={instance} shouldRun={shouldRun} onBack={() => setStep(2)} onNext={() => setStep(START)} />}
          {step === START && instance && <Start instance={instance} onBack={() => setStep(PRECHECK)} />}
          {step >= PRECHECK && !instance && <Spin />}
        </Col>
        <Col xs={24} xl={8}>
          <Equivalent draft={draft} id={instance?.id ?? null} />
        </Col>
      </Row>
    </div>
  );
}
