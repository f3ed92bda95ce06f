// A choice of objects: the tree of the source, the patterns that it makes, and what they select.
import { useQuery } from '@tanstack/react-query';
import { Card, Collapse, Flex, Form, Radio, Select, Typography } from 'antd';
import { useDeferredValue, useMemo } from 'react';
import { api, asked, type Schemas } from '../api/client';
import { ProblemAlert } from '../shown/problem';
import { Rows } from '../shown/rows';
import { useWords } from '../words';
import { type Choice, type Objects, toObjects } from './choice';
import { isRename, problemsOf } from './choice-problems';
import type { Spec } from './draft';
import { parsePattern } from './pattern';
import { SourceTree } from './tree';
import './wizard.css';
import { dictionary } from './words';

export type TreeTable = Schemas['TreeTable'];

interface Props {
  /** The source, with a password; null if it cannot be looked at. */
  source: Spec | null;
  /** Its password is not known here: it may be none. */
  isGuess?: boolean;
  choice: Choice;
  onChange: (choice: Choice) => void;
}

const LINE = 32;

/** The password is part of the question and must not be part of its key. */
export function useTables(source: Spec | null, objects: Objects | null, isOn = true) {
  const { password, ...shown } = source ?? ({} as Spec);
  return useQuery({
    queryKey: ['tree', shown, password ? password.length : 0, objects],
    enabled: !!source && isOn,
    retry: false,
    staleTime: 60_000,
    placeholderData: (before: TreeTable[] | undefined) => before,
    queryFn: () => asked(api.POST('/api/v1/tree', { body: { endpoint: source as Spec, database: null, objects: objects ?? undefined } as never })) as Promise<TreeTable[]>,
  });
}

export function ObjectsEditor({ source, isGuess, choice, onChange }: Props) {
  const words = useWords(dictionary).objects;
  const all = useTables(source, null);
  const setObjects = (objects: Partial<Objects>) => onChange({ ...choice, objects: { ...choice.objects, ...objects } });
  return (
    <Flex vertical gap={16}>
      <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.tree}</h2>}>
        <Radio.Group value={choice.isEverything} onChange={(event) => onChange({ ...choice, isEverything: event.target.value as boolean })} aria-label={words.tree} className="explained-radios" style={{ marginBottom: 12 }}>
          <Radio value={false}>{words.chosen}</Radio>
          <Radio value={true}>
            {words.whole} <Typography.Text type="secondary">{words.wholeText}</Typography.Text>
          </Radio>
        </Radio.Group>
        {isGuess && all.error ? <Typography.Paragraph type="secondary">{words.noPassword}</Typography.Paragraph> : <ProblemAlert error={all.error} />}
        {source && !(isGuess && all.error) && <SourceTree source={source} tables={all.data} isLoading={all.isFetching} choice={choice} onChange={onChange} onReload={() => void all.refetch()} />}
      </Card>
      <Patterns choice={choice} onObjects={setObjects} />
      <Existing objects={choice.objects} onObjects={setObjects} />
      <Result source={isGuess && all.error ? null : source} choice={choice} />
    </Flex>
  );
}

function Patterns({ choice, onObjects }: { choice: Choice; onObjects: (objects: Partial<Objects>) => void }) {
  const words = useWords(dictionary).objects;
  const { objects, isEverything } = choice;
  const wrong = objects.include.concat(objects.exclude).filter((text) => !parsePattern(text));
  const wrongRename = objects.rename.filter((text) => !isRename(text));
  const bad = (texts: string[]) => texts.filter((text) => wrong.includes(text)).map(words.bad).join(' ');
  return (
    <Collapse
      size="small"
      defaultActiveKey={objects.rename.length > 0 || wrong.length > 0 ? ['patterns'] : []}
      items={[
        {
          key: 'patterns',
          label: <h2 style={{ fontSize: 14, margin: 0, display: 'inline' }}>{words.patterns}</h2>,
          children: (
            <>
              {!isEverything && <Texts label={words.include} text={words.includeText} values={objects.include} problem={bad(objects.include)} onChange={(include) => onObjects({ include })} />}
              <Texts label={words.exclude} text={words.excludeText} values={objects.exclude} problem={bad(objects.exclude)} onChange={(exclude) => onObjects({ exclude })} />
              <Texts label={words.rename} text={words.renameText} values={objects.rename} problem={wrongRename.map(words.badRename).join(' ')} onChange={(rename) => onObjects({ rename })} />
            </>
          ),
        },
      ]}
    />
  );
}

function Texts({ label, text, values, problem, onChange }: { label: string; text: string; values: string[]; problem: string; onChange: (values: string[]) => void }) {
  return (
    <Form.Item label={label} layout="vertical" extra={text} validateStatus={problem ? 'error' : undefined} help={problem || undefined} style={{ marginBottom: 12 }}>
      <Select mode="tags" open={false} suffix={null} value={values} onChange={(next: string[]) => onChange(next.map((value) => value.trim()).filter(Boolean))} aria-label={label} style={{ width: '100%' }} />
    </Form.Item>
  );
}

function Existing({ objects, onObjects }: { objects: Objects; onObjects: (objects: Partial<Objects>) => void }) {
  const words = useWords(dictionary).objects;
  return (
    <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.existing}</h2>}>
      <Radio.Group value={objects.existing} onChange={(event) => onObjects({ existing: event.target.value as Objects['existing'] })} aria-label={words.existing} className="explained-radios">
        <Radio value="refuse">
          {words.refuse} <Typography.Text type="secondary">{words.refuseText}</Typography.Text>
        </Radio>
        <Radio value="keep">
          {words.keep} <Typography.Text type="secondary">{words.keepText}</Typography.Text>
        </Radio>
      </Radio.Group>
    </Card>
  );
}

/** What the service itself says to the choice: which tables it selects, and what they are called in the target. */
function Result({ source, choice }: { source: Spec | null; choice: Choice }) {
  const words = useWords(dictionary).objects;
  const deferred = useDeferredValue(choice);
  const objects = useMemo(() => toObjects(deferred), [deferred]);
  const isValid = problemsOf(deferred, words).length === 0;
  const answer = useTables(source, objects, isValid);
  const selected = isValid ? (answer.data ?? []).filter((table) => table.selected) : [];
  return (
    <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.result}</h2>}>
      {isValid ? <ProblemAlert error={answer.error} type="warning" /> : <Typography.Text type="secondary">{words.none}</Typography.Text>}
      {source && isValid && answer.data && (
        <>
          <Typography.Paragraph strong aria-live="polite">
            {words.selected(selected.length)}
          </Typography.Paragraph>
          {selected.length > 0 && (
            <Rows
              label={words.result}
              rows={selected}
              rowKey={(table) => `${table.database}.${table.name}`}
              rowHeight={LINE}
              height={220}
              columns={[
                { key: 'from', title: words.sourceName, width: '1fr', cell: (table) => <Named text={`${table.database}.${table.name}`} /> },
                { key: 'to', title: words.targetName, width: '1fr', cell: (table) => <Named text={table.target ?? ''} isStrong={table.target !== `${table.database}.${table.name}`} /> },
              ]}
            />
          )}
        </>
      )}
      <Collapse ghost size="small" items={[{ key: 'json', label: words.json, children: <pre style={{ margin: 0, fontSize: 12, overflow: 'auto', maxHeight: 240 }}>{JSON.stringify(objects, null, 2)}</pre> }]} />
    </Card>
  );
}

function Named({ text, isStrong }: { text: string; isStrong?: boolean }) {
  return (
    <Typography.Text ellipsis={{ tooltip: text }} strong={isStrong}>
      {text}
    </Typography.Text>
  );
}
