// The second step: which databases, tables, rows and columns take part.
import { Alert, Button, Flex } from 'antd';
import { useState } from 'react';
import type { Instance } from '../api/client';
import { useWords } from '../words';
import { problemsOf } from './choice-problems';
import { type Draft, keepsPassword, specOf } from './draft';
import { ObjectsEditor } from './objects-editor';
import { dictionary } from './words';

interface Props {
  draft: Draft;
  instance: Instance | undefined;
  onChange: (draft: Draft) => void;
  onBack: () => void;
  onNext: () => void;
}

export function ObjectsStep({ draft, instance, onChange, onBack, onNext }: Props) {
  const words = useWords(dictionary);
  const [isTried, setTried] = useState(false);
  const problems = problemsOf(draft.choice, words.objects);
  // A password that only the service has cannot be used to look at the source from here.
  const source = keepsPassword(draft.source, instance?.source) && draft.source.password === '' ? null : specOf(draft.source, instance?.source);
  const next = () => (problems.length === 0 ? onNext() : setTried(true));
  return (
    <Flex vertical gap={16}>
      <ObjectsEditor source={source ?? (draft.source.user ? specOf(draft.source, instance?.source) : null)} isGuess={!source} choice={draft.choice} onChange={(choice) => onChange({ ...draft, choice })} />
      {isTried && problems.length > 0 && <Alert type="error" role="alert" showIcon title={problems.map((problem) => <div key={problem}>{problem}</div>)} />}
      <Flex wrap gap={8}>
        <Button size="large" onClick={onBack}>
          {words.back}
        </Button>
        <Button type="primary" size="large" onClick={next}>
          {words.next}
        </Button>
      </Flex>
    </Flex>
  );
}
