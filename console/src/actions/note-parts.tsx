// What stands in a *Note* besides its words.
import { useQuery } from '@tanstack/react-query';
import { Flex, Input, Select, Spin, Typography } from 'antd';
import { useState } from 'react';
import { api, asked, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { count } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

/** What may be typed or chosen in a note, read when OK is clicked. */
export interface Answer {
  value: string;
}

export function ResetPreview({ id }: { id: string }) {
  const words = useWords(dictionary);
  const preview = useQuery({
    queryKey: ['reset', id],
    queryFn: () => asked(api.GET('/api/v1/instances/{id}/reset', { params: { path: { id } } })),
    staleTime: 0,
  });
  if (preview.isPending) return <Spin size="small" />;
  if (preview.error) return <ProblemAlert error={preview.error} />;
  if (preview.data.tables.length === 0) return <Typography.Paragraph>{words.notes.resetNothing}</Typography.Paragraph>;
  return (
    <ul style={{ maxHeight: 200, overflow: 'auto', paddingInlineStart: 20 }}>
      {preview.data.tables.map((table) => (
        <li key={table.name}>
          {table.name} <Typography.Text type="secondary">{words.rows(count(table.rows_copied))}</Typography.Text>
        </li>
      ))}
    </ul>
  );
}

export function TextAnswer({ label, answer, isLong }: { label: string; answer: Answer; isLong?: boolean }) {
  const [value, setValue] = useState(answer.value);
  const change = (next: string) => {
    answer.value = next;
    setValue(next);
  };
  const Field = isLong ? Input.TextArea : Input;
  return (
    <Flex vertical gap={4} style={{ marginTop: 10 }}>
      <label htmlFor="note-answer">{label}</label>
      <Field id="note-answer" autoFocus autoComplete="off" value={value} onChange={(event: { target: { value: string } }) => change(event.target.value)} />
    </Flex>
  );
}

export function StartReverseText({ instance }: { instance: Instance }) {
  const words = useWords(dictionary);
  const forward = instance.peer ?? '';
  const peer = useQuery({
    queryKey: [KEYS.instance, forward],
    queryFn: () => asked(api.GET('/api/v1/instances/{id}', { params: { path: { id: forward } } })),
    enabled: forward !== '',
  });
  return <p style={{ marginTop: 0 }}>{words.notes.startReverse(instance.name, peer.data?.name ?? forward)}</p>;
}

/** What is to become of what applications wrote in the target before there was a reverse. */
export function FromAnswer({ answer }: { answer: Answer }) {
  const words = useWords(dictionary);
  const [value, setValue] = useState(answer.value);
  const options = Object.entries(words.from).map(([key, label]) => ({ value: key, label }));
  const change = (next: string) => {
    answer.value = next;
    setValue(next);
  };
  return (
    <Flex vertical gap={4} style={{ marginTop: 10 }}>
      <label htmlFor="note-from">{words.before}</label>
      <Select id="note-from" value={value} options={options} onChange={change} />
    </Flex>
  );
}
