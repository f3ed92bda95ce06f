// Who may use the service, and with what.
import { PlusOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Card, Flex, Form, Input, Modal, Select, Spin, Tag, Typography } from 'antd';
import { useState } from 'react';
import { api, asked, type Schemas } from '../api/client';
import { useSession } from '../session';
import { useNote } from '../shown/confirm';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { dictionary as shown } from '../shown/words';
import { useWords } from '../words';
import { AccessKeys, OwnToken } from './keys';
import { dictionary } from './words';

type Account = Schemas['AccountView'];

const ROLES = ['viewer', 'operator', 'admin'];
const PASSWORD_MIN = 12;
const KEY = ['accounts'];

export default function Users() {
  const { users: words } = useWords(dictionary);
  const { may } = useSession();
  return (
    <>
      <PageHead title={words.title} about={words.about} />
      <Flex vertical gap={16} style={{ maxWidth: 860 }}>
        {may('admin') && <Accounts />}
        <OwnToken />
        <AccessKeys />
      </Flex>
    </>
  );
}

/** Who is being added, or changed. */
interface Editing {
  account: Account | null;
  returnTo: HTMLElement;
}

function Accounts() {
  const { users: words, remove } = useWords(dictionary);
  const { who } = useSession();
  const questions = useQueryClient();
  const [note, ask] = useNote();
  const [editing, setEditing] = useState<Editing | null>(null);
  const [isOpen, setOpen] = useState(false);
  const accounts = useQuery({ queryKey: KEY, queryFn: () => asked(api.GET('/api/v1/accounts')) });
  const anew = () => questions.invalidateQueries({ queryKey: KEY });
  const edit = (account: Account | null, returnTo: HTMLElement) => {
    setEditing({ account, returnTo });
    setOpen(true);
  };
  const removed = ({ name }: Account) =>
    ask({
      text: words.removeNote(name),
      isDangerous: true,
      run: async () => {
        await asked(api.DELETE('/api/v1/accounts/{name}', { params: { path: { name } } }));
        await anew();
      },
    });
  const add = (
    <Button icon={<PlusOutlined />} onClick={(event) => edit(null, event.currentTarget)}>
      {words.add}
    </Button>
  );
  return (
    <Card title={<h2 className="part" style={{ margin: 0 }}>{words.accounts}</h2>} extra={add}>
      {note}
      {editing && <AccountDialog {...editing} isOpen={isOpen} onClose={() => setOpen(false)} onDone={anew} />}
      <ProblemAlert error={accounts.error} />
      {accounts.isPending && <Spin />}
      <div className="sideways">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">{words.name}</th>
              <th scope="col">{words.role}</th>
              <th scope="col">{words.actions}</th>
            </tr>
          </thead>
          <tbody>
            {accounts.data?.map((account) => (
              <tr key={account.name}>
                <td>
                  {account.name} {account.name === who.account && <Tag>{words.you}</Tag>}
                </td>
                <td>{account.role}</td>
                <td>
                  <Flex gap={8}>
                    <Button size="small" aria-label={`${words.change}: ${account.name}`} onClick={(event) => edit(account, event.currentTarget)}>
                      {words.change}
                    </Button>
                    {account.name !== who.account && (
                      <Button size="small" danger aria-label={`${remove}: ${account.name}`} onClick={() => removed(account)}>
                        {remove}
                      </Button>
                    )}
                  </Flex>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

interface Fields {
  name: string;
  role: string;
  password: string;
}

function AccountDialog({ account, returnTo, isOpen, onClose, onDone }: Editing & { isOpen: boolean; onClose: () => void; onDone: () => Promise<void> }) {
  const { users: words, save: saveWord } = useWords(dictionary);
  const { cancel } = useWords(shown);
  const [form] = Form.useForm<Fields>();
  const save = useMutation({
    mutationFn: ({ name, role, password }: Fields) => asked(api.PUT('/api/v1/accounts/{name}', { params: { path: { name: account?.name ?? name } }, body: { role, password } })),
    onSuccess: () => {
      onClose();
      return onDone();
    },
  });
  return (
    <Modal
      open={isOpen}
      title={account ? words.changeTitle(account.name) : words.addTitle}
      okText={saveWord}
      cancelText={cancel}
      confirmLoading={save.isPending}
      destroyOnHidden
      onOk={() => form.submit()}
      onCancel={onClose}
      focusable={{ focusTriggerAfterClose: false }}
      afterClose={() => {
        save.reset();
        returnTo.focus();
      }}
    >
      <ProblemAlert error={save.error} />
      <Form<Fields> name="account" form={form} layout="vertical" preserve={false} requiredMark={false} onFinish={(fields) => save.mutate(fields)}>
        {!account && (
          <Form.Item name="name" label={words.name} rules={[{ required: true }]}>
            <Input autoFocus autoComplete="off" />
          </Form.Item>
        )}
        <Form.Item name="role" label={words.role} initialValue={account?.role ?? 'operator'}>
          <Select options={ROLES.map((role) => ({ value: role, label: role }))} />
        </Form.Item>
        <Form.Item name="password" label={words.password} extra={words.passwordHint} rules={[{ required: true, min: PASSWORD_MIN, message: words.passwordHint }]}>
          <Input.Password autoComplete="new-password" />
        </Form.Item>
      </Form>
      {account && <Typography.Text type="secondary">{words.about}</Typography.Text>}
    </Modal>
  );
}
