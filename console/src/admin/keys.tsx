// What scripts come in with: a token of one's own, and keys for the official API. Secrets are shown once.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Card, Empty, Flex, Spin, Typography } from 'antd';
import { api, asked, type Schemas } from '../api/client';
import { type Said, useNote } from '../shown/confirm';
import { CopyButton } from '../shown/copy';
import { moment } from '../shown/numbers';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

type AccessKey = Schemas['AccessKeyView'];

const KEY = ['access-keys'];

export function OwnToken() {
  const { users: words } = useWords(dictionary);
  const [note, ask] = useNote();
  const run = async (): Promise<Said> => {
    const made = await asked(api.POST('/api/v1/keys'));
    return { title: words.tokenMade, text: <Secret label={words.token} value={made.token} /> };
  };
  return (
    <Card title={<h2 className="part" style={{ margin: 0 }}>{words.token}</h2>}>
      {note}
      <Typography.Paragraph type="secondary">{words.tokenAbout}</Typography.Paragraph>
      <Button onClick={() => ask({ text: words.newTokenNote, run })}>{words.newToken}</Button>
    </Card>
  );
}

export function AccessKeys() {
  const { users: words } = useWords(dictionary);
  const questions = useQueryClient();
  const [note, ask] = useNote();
  const keys = useQuery({ queryKey: KEY, queryFn: () => asked(api.GET('/api/v1/access-keys')) });
  const anew = () => questions.invalidateQueries({ queryKey: KEY });
  const create = async (): Promise<Said> => {
    const made = await asked(api.POST('/api/v1/access-keys'));
    void anew();
    const text = (
      <Flex vertical gap={10}>
        <Secret label={words.keyId} value={made.id} />
        <Secret label={words.secret} value={made.secret} />
      </Flex>
    );
    return { title: words.keyMade, text };
  };
  const remove = ({ id }: AccessKey) =>
    ask({
      text: words.removeKeyNote(id),
      isDangerous: true,
      run: async () => {
        await asked(api.DELETE('/api/v1/access-keys/{key}', { params: { path: { key: id } } }));
        await anew();
      },
    });
  return (
    <Card title={<h2 className="part" style={{ margin: 0 }}>{words.keys}</h2>}>
      {note}
      <Typography.Paragraph type="secondary">{words.keysAbout}</Typography.Paragraph>
      <ProblemAlert error={keys.error} />
      {keys.isPending && <Spin />}
      {keys.data && <KeyTable keys={keys.data} onRemove={remove} />}
      <Button style={{ marginTop: 12 }} onClick={() => ask({ text: words.newKeyNote, run: create })}>
        {words.newKey}
      </Button>
    </Card>
  );
}

function KeyTable({ keys, onRemove }: { keys: AccessKey[]; onRemove: (key: AccessKey) => void }) {
  const { users: words, remove } = useWords(dictionary);
  if (keys.length === 0) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={words.noKeys} />;
  return (
    <div className="sideways" role="region" aria-label={words.keys} tabIndex={0}>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">{words.keyId}</th>
            <th scope="col">{words.name}</th>
            <th scope="col">{words.created}</th>
            <th scope="col">{words.actions}</th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <td>
                <code>{key.id}</code>
                <CopyButton text={key.id} label={words.keyId} />
              </td>
              <td>{key.account}</td>
              <td>{moment(key.created_at)}</td>
              <td>
                <Button size="small" danger aria-label={`${remove}: ${key.id}`} onClick={() => onRemove(key)}>
                  {remove}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Secret({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Typography.Text type="secondary">{label}</Typography.Text>
      <Flex gap={4} align="start">
        <code style={{ overflowWrap: 'anywhere' }}>{value}</code>
        <CopyButton text={value} label={label} />
      </Flex>
    </div>
  );
}
