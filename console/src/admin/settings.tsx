// How the service is set up. It is read when the server starts, so it is only shown here, with where to change it.
import { useQuery } from '@tanstack/react-query';
import { Card, Flex, Spin, Typography } from 'antd';
import { type ReactNode } from 'react';
import { api, asked, type Schemas } from '../api/client';
import { CopyButton } from '../shown/copy';
import { PageHead } from '../shown/page-head';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

interface Setting {
  title: string;
  value: ReactNode;
  how: string;
}

export default function Settings() {
  const { settings: words } = useWords(dictionary);
  const service = useQuery({ queryKey: ['service'], queryFn: () => asked(api.GET('/api/v1/service')) });
  return (
    <>
      <PageHead title={words.title} about={words.about} />
      <ProblemAlert error={service.error} />
      {service.isPending && <Spin />}
      {service.data && <Shown service={service.data} />}
    </>
  );
}

function Shown({ service }: { service: Schemas['ServiceView'] }) {
  const { settings: words } = useWords(dictionary);
  const list = (lines: readonly string[]) => (lines.length === 0 ? words.none : lines.join(', '));
  const rows: Setting[] = [
    { title: words.version, value: service.version, how: words.versionHow },
    { title: words.listen, value: service.listen, how: 'listen = "127.0.0.1:7370"' },
    { title: words.official, value: service.official_listen ?? words.off, how: '[official_api] listen = "127.0.0.1:7371"' },
    { title: words.requests, value: String(service.requests_per_second), how: '[limits] requests_per_second = 200' },
    { title: words.allow, value: list(service.allow), how: '[network] allow = ["loopback", "private"]' },
    { title: words.deny, value: list(service.deny), how: '[network] deny = []' },
  ];
  return (
    <Flex vertical gap={16} style={{ maxWidth: 860 }}>
      <Card>
        <div className="sideways" role="region" aria-label={words.title} tabIndex={0}>
          <table className="plain" style={{ minWidth: 560 }}>
            <thead>
              <tr>
                <th scope="col">{words.setting}</th>
                <th scope="col">{words.value}</th>
                <th scope="col">{words.how}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.title}>
                  <td>{row.title}</td>
                  <td style={{ overflowWrap: 'anywhere' }}>{row.value}</td>
                  <td>{row.how.includes('=') ? <How text={row.how} /> : row.how}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <Typography.Paragraph type="secondary" style={{ margin: '10px 0 0' }}>
          {words.check}
        </Typography.Paragraph>
      </Card>
      <Regions regions={service.regions} />
    </Flex>
  );
}

function Regions({ regions }: { regions: Record<string, string> }) {
  const { settings: words } = useWords(dictionary);
  const names = Object.entries(regions);
  return (
    <Card title={<h2 className="part" style={{ margin: 0 }}>{words.regions}</h2>}>
      {names.length === 0 ? (
        <Typography.Paragraph type="secondary">{words.noRegions}</Typography.Paragraph>
      ) : (
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">{words.region}</th>
              <th scope="col">{words.border}</th>
            </tr>
          </thead>
          <tbody>
            {names.map(([name, border]) => (
              <tr key={name}>
                <td>{name}</td>
                <td>{border}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <How text={'[regions]\nhangzhou = "cn"'} />
    </Card>
  );
}

function How({ text }: { text: string }) {
  return (
    <Flex gap={4} align="start">
      <code style={{ whiteSpace: 'pre-wrap' }}>{text}</code>
      <CopyButton text={text} label={text} />
    </Flex>
  );
}
