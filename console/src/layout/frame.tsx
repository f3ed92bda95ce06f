// What is around every page: the bar on top, the navigation, the account.
import {
  AlertOutlined,
  AuditOutlined,
  ExportOutlined,
  GlobalOutlined,
  MenuOutlined,
  RadarChartOutlined,
  SettingOutlined,
  SwapOutlined,
  SyncOutlined,
  TeamOutlined,
  UserOutlined,
} from '@ant-design/icons';
import { Alert, Button, Drawer, Dropdown, Flex, Grid, Layout, Menu, Select, theme, Typography } from 'antd';
import { type ReactNode, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { LiveEvents, useLive } from '../api/live';
import { useSession } from '../session';
import { type Scheme, useScheme } from '../theme';
import { type Language, useLanguage, useWords } from '../words';
import { dictionary } from './words';

export function Frame({ children }: { children: ReactNode }) {
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  const isWide = Grid.useBreakpoint().md;
  const [isOpen, setOpen] = useState(false);
  return (
    <LiveEvents>
      <a className="skip" href="#content">
        {words.skip}
      </a>
      <Layout style={{ minHeight: '100%' }}>
        <Layout.Header style={{ display: 'flex', alignItems: 'center', gap: 12, background: token.colorBgContainer, borderBottom: `1px solid ${token.colorBorderSecondary}`, position: 'sticky', top: 0, zIndex: 20 }}>
          {!isWide && <Button type="text" icon={<MenuOutlined />} aria-label={words.menu} onClick={() => setOpen(true)} />}
          <img src="/favicon.svg" alt="" width={24} height={24} />
          <Typography.Text strong style={{ whiteSpace: 'nowrap' }}>
            Tidegate
          </Typography.Text>
          {isWide && <Typography.Text type="secondary">{words.product}</Typography.Text>}
          <span style={{ flex: 1 }} />
          <Account isWide={!!isWide} />
        </Layout.Header>
        <Layout hasSider>
          {isWide && (
            <Layout.Sider width={224} theme="light" style={{ borderRight: `1px solid ${token.colorBorderSecondary}` }}>
              <Navigation onDone={() => {}} />
            </Layout.Sider>
          )}
          <Drawer open={!isWide && isOpen} onClose={() => setOpen(false)} placement="left" size={240} title="Tidegate" styles={{ body: { padding: 0 } }}>
            <Navigation onDone={() => setOpen(false)} />
          </Drawer>
          <Layout.Content id="content" role="main" tabIndex={-1} style={{ minWidth: 0 }}>
            <Away />
            <div className="page">{children}</div>
          </Layout.Content>
        </Layout>
      </Layout>
    </LiveEvents>
  );
}

function Away() {
  const words = useWords(dictionary);
  const live = useLive();
  const [wasConnected, setWas] = useState(false);
  if (live.isConnected && !wasConnected) setWas(true);
  if (!live.isOn || live.isConnected || !wasConnected) return null;
  return <Alert banner type="warning" title={words.away} />;
}

function Navigation({ onDone }: { onDone: () => void }) {
  const { nav } = useWords(dictionary);
  const { may } = useSession();
  const go = useNavigate();
  const { pathname } = useLocation();
  const items = [
    { key: '/migration', icon: <ExportOutlined />, label: nav.migration },
    { key: '/sync', icon: <SyncOutlined />, label: nav.sync },
    { key: '/tracking', icon: <RadarChartOutlined />, label: nav.tracking },
    { type: 'divider' as const, key: 'line' },
    { key: '/alerts', icon: <AlertOutlined />, label: nav.alerts },
    { key: '/users', icon: <TeamOutlined />, label: nav.users },
    ...(may('admin') ? [{ key: '/audit', icon: <AuditOutlined />, label: nav.audit }] : []),
    { key: '/settings', icon: <SettingOutlined />, label: nav.settings },
  ];
  // A task's own pages belong to the list that they are mostly reached from.
  const selected = items.find((item) => pathname.startsWith(item.key))?.key ?? '/sync';
  return (
    <nav aria-label={nav.sync}>
      <Menu
        mode="inline"
        selectedKeys={[selected]}
        style={{ borderInlineEnd: 0 }}
        items={items}
        onClick={({ key }) => {
          void go(key);
          onDone();
        }}
      />
    </nav>
  );
}

function Account({ isWide }: { isWide: boolean }) {
  const words = useWords(dictionary);
  const { who, logOut } = useSession();
  const { language, choose } = useLanguage();
  const { scheme, choose: chooseScheme } = useScheme();
  const schemes: Scheme[] = ['light', 'dark', 'system'];
  return (
    <Flex gap={8} align="center">
      <Select<Language>
        aria-label={words.language}
        value={language}
        onChange={choose}
        variant="borderless"
        prefix={<GlobalOutlined />}
        options={[
          { value: 'en', label: 'English' },
          { value: 'zh', label: '中文' },
        ]}
      />
      <Dropdown
        trigger={['click']}
        menu={{
          selectable: true,
          selectedKeys: [scheme],
          onClick: ({ key }) => (key === 'out' ? logOut() : chooseScheme(key as Scheme)),
          items: [
            { key: 'schemes', type: 'group', label: words.scheme.title, children: schemes.map((one) => ({ key: one, label: words.scheme[one] })) },
            { type: 'divider' },
            { key: 'out', icon: <SwapOutlined />, label: words.logOut },
          ],
        }}
      >
        <Button type="text" icon={<UserOutlined />} aria-label={`${who.account} · ${who.role}`}>
          {isWide ? `${who.account} · ${who.role}` : null}
        </Button>
      </Dropdown>
    </Flex>
  );
}
