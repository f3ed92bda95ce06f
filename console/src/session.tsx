// Who is there: a session cookie that scripts cannot read. Without one, the page to log in.
import { LockOutlined, UserOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Form, Input, Spin, Typography } from 'antd';
import { createContext, type ReactNode, use } from 'react';
import { api, asked, problemOf, Refused, type Schemas } from './api/client';
import { useWords } from './words';

export type Who = Schemas['SessionView'];

const ROLES = ['viewer', 'operator', 'admin'] as const;

interface Here {
  who: Who;
  /** Whether the account has at least this role. */
  may: (role: (typeof ROLES)[number]) => boolean;
  logOut: () => void;
}

const Context = createContext<Here | null>(null);

export function useSession(): Here {
  const here = use(Context);
  if (!here) throw new Error('useSession is for what is inside of Session');
  return here;
}

const dictionary = {
  en: { account: 'Account', password: 'Password', logIn: 'Log on', hint: 'The first start of the server prints the password of admin.', title: 'Log on to Tidegate' },
  zh: { account: '账号', password: '密码', logIn: '登录', hint: '服务首次启动时会打印 admin 的密码。', title: '登录 Tidegate' },
};

export function Session({ children }: { children: ReactNode }) {
  const questions = useQueryClient();
  const session = useQuery({
    queryKey: ['session'],
    queryFn: () => asked(api.GET('/api/v1/session')),
    retry: false,
    refetchInterval: 60_000,
  });
  const logOut = useMutation({
    mutationFn: () => asked(api.DELETE('/api/v1/session')),
    onSettled: () => questions.clear(),
  });
  if (session.isPending) return <Spin fullscreen />;
  const who = session.data;
  const isOut = session.error instanceof Refused && session.error.problem.status === 401;
  if (!who || isOut) return <LogIn problem={isOut ? null : session.error} />;
  const may: Here['may'] = (role) => ROLES.indexOf(who.role as 'admin') >= ROLES.indexOf(role);
  return <Context value={{ who, may, logOut: () => logOut.mutate() }}>{children}</Context>;
}

function LogIn({ problem }: { problem: Error | null }) {
  const words = useWords(dictionary);
  const questions = useQueryClient();
  const logIn = useMutation({
    mutationFn: (body: Schemas['Login']) => asked(api.POST('/api/v1/session', { body })),
    onSuccess: (who) => questions.setQueryData(['session'], who),
  });
  const error = logIn.error ?? problem;
  return (
    <main style={{ display: 'grid', placeItems: 'center', minHeight: '100%', padding: 12 }}>
      <Card style={{ width: '100%', maxWidth: 380 }}>
        <Typography.Title level={1} style={{ fontSize: 20, marginTop: 0 }}>
          {words.title}
        </Typography.Title>
        {error && <Alert type="error" showIcon style={{ marginBottom: 16 }} title={problemOf(error).detail} />}
        <Form<Schemas['Login']> layout="vertical" requiredMark={false} onFinish={(values) => logIn.mutate(values)}>
          <Form.Item name="account" label={words.account} initialValue="admin" rules={[{ required: true }]}>
            <Input prefix={<UserOutlined />} autoComplete="username" />
          </Form.Item>
          <Form.Item name="password" label={words.password} extra={words.hint} rules={[{ required: true }]}>
            <Input.Password prefix={<LockOutlined />} autoComplete="current-password" autoFocus />
          </Form.Item>
          <Button type="primary" htmlType="submit" block loading={logIn.isPending}>
            {words.logIn}
          </Button>
        </Form>
      </Card>
    </main>
  );
}
