// Other objects for a task that runs: what it would mean first, then to do it.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Flex, Form, Input, Typography } from 'antd';
import { useState } from 'react';
import { lockOf } from '../actions/offered';
import { dictionary as actionWords } from '../actions/words';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { KEYS } from '../api/live';
import { useSession } from '../session';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

type Objects = Schemas['Objects'];

interface Shown {
  objects: Objects;
  change: Schemas['ObjectsChange'];
}

export function ObjectsTab({ instance }: { instance: Instance }) {
  const { objects: words, wanted: wantedText, cancelled } = useWords(dictionary);
  const ofActions = useWords(actionWords);
  const { may } = useSession();
  const questions = useQueryClient();
  const [fields, setFields] = useState(() => fieldsOf(instance.objects));
  const [shown, setShown] = useState<Shown | null>(null);
  const path = { id: instance.id };
  const goal = objectsOf(fields, instance.objects);
  const anew = () => questions.invalidateQueries({ queryKey: [KEYS.instance, instance.id] });
  const ask = (objects: Objects, dry_run: boolean) => asked(api.PUT('/api/v1/instances/{id}/objects', { params: { path, query: { dry_run } }, body: objects }));
  const dryRun = useMutation({ mutationFn: async (objects: Objects) => setShown({ objects, change: await ask(objects, true) }) });
  const apply = useMutation({ mutationFn: (objects: Objects) => ask(objects, false), onSuccess: () => (setShown(null), anew()) });
  const isFresh = shown !== null && JSON.stringify(shown.objects) === JSON.stringify(goal);
  const locked = lockOf('objects', instance, may('operator'), ofActions);
  const field = (key: keyof Fields, label: string) => (
    <Form.Item label={label} htmlFor={`objects-${key}`} style={{ marginBottom: 12 }}>
      <Input.TextArea id={`objects-${key}`} rows={key === 'include' ? 5 : 3} disabled={!!locked} value={fields[key]} placeholder={key === 'rename' ? 'a.b=c.d' : words.hint} onChange={(event) => setFields({ ...fields, [key]: event.target.value })} />
    </Form.Item>
  );
  return (
    <div style={{ maxWidth: 760 }}>
      <Typography.Paragraph type="secondary">{words.intro}</Typography.Paragraph>
      {locked && <Alert type="info" showIcon title={locked} style={{ marginBottom: 12 }} />}
      {instance.wanted && (
        <Alert
          type="info"
          showIcon
          style={{ marginBottom: 12 }}
          title={instance.wanted.cancelled ? cancelled : wantedText}
          description={<ProblemAlert error={instance.wanted.why} type="warning" style={{ marginBottom: 0 }} />}
          action={!instance.wanted.cancelled && !locked && <Button size="small" onClick={() => apply.mutate(instance.objects)}>{words.takeBack}</Button>}
        />
      )}
      <ProblemAlert error={dryRun.error ?? apply.error} />
      <Form layout="vertical">
        {field('include', words.include)}
        {field('exclude', words.exclude)}
        {field('rename', words.rename)}
      </Form>
      {shown && isFresh && <Change change={shown.change} />}
      {shown && !isFresh && <Typography.Paragraph type="secondary">{words.fresh}</Typography.Paragraph>}
      {apply.isSuccess && <Alert type="success" showIcon title={words.done} style={{ marginBottom: 12 }} />}
      <Flex gap={8}>
        <Button disabled={!!locked} loading={dryRun.isPending} onClick={() => dryRun.mutate(goal)}>
          {words.dryRun}
        </Button>
        <Button type="primary" disabled={!isFresh || isEmpty(shown?.change)} loading={apply.isPending} onClick={() => apply.mutate(goal)}>
          {words.apply}
        </Button>
      </Flex>
    </div>
  );
}

function Change({ change }: { change: Schemas['ObjectsChange'] }) {
  const { objects: words } = useWords(dictionary);
  if (isEmpty(change)) return <Typography.Paragraph role="status">{words.same}</Typography.Paragraph>;
  const list = (title: string, tables: string[]) =>
    tables.length > 0 && (
      <>
        <Typography.Text strong>
          {title} ({tables.length})
        </Typography.Text>
        <ul style={{ marginTop: 4, maxHeight: 200, overflow: 'auto' }}>
          {tables.map((table) => (
            <li key={table}>{table}</li>
          ))}
        </ul>
      </>
    );
  return (
    <div role="status">
      {list(words.added, change.added)}
      {list(words.removed, change.removed)}
    </div>
  );
}

interface Fields {
  include: string;
  exclude: string;
  rename: string;
}

function fieldsOf({ include, exclude, rename }: Objects): Fields {
  // The service leaves out what is empty.
  const text = (lines: string[] | undefined) => (lines ?? []).join('\n');
  return { include: text(include), exclude: text(exclude), rename: text(rename) };
}

// Rules stay as they are: they belong to the wizard.
function objectsOf(fields: Fields, was: Objects): Objects {
  const lines = (text: string) => text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return { ...was, include: lines(fields.include), exclude: lines(fields.exclude), rename: lines(fields.rename) };
}

function isEmpty(change: Schemas['ObjectsChange'] | undefined): boolean {
  return !change || (change.added.length === 0 && change.removed.length === 0);
}
