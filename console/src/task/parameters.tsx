// How a task was configured.
import { Descriptions, Typography } from 'antd';
import type { Instance, Schemas } from '../api/client';
import { bytes, count, duration } from '../shown/numbers';
import { useWords } from '../words';
import { dictionary } from './words';

export function Parameters({ instance }: { instance: Instance }) {
  const { parameters: words } = useWords(dictionary);
  const { tuning, objects } = instance;
  const given = (value: number | null | undefined, said: (value: number) => string) => (value == null ? <Typography.Text type="secondary">{words.chosen}</Typography.Text> : said(value));
  const tuned = [
    { key: 'lanes', label: words.lanes, children: given(tuning.lanes, count) },
    { key: 'copy', label: words.copy_workers, children: given(tuning.copy_workers, count) },
    { key: 'log', label: words.log_bytes_max, children: given(tuning.log_bytes_max, bytes) },
    { key: 'retry', label: words.retry_seconds, children: given(tuning.retry_seconds, duration) },
    { key: 'server', label: words.server_id, children: given(tuning.server_id, String) },
  ];
  const chosen = [
    { key: 'include', label: words.include, children: <List lines={objects.include ?? []} none={words.everything} /> },
    { key: 'exclude', label: words.exclude, children: <List lines={objects.exclude ?? []} none={words.nothing} /> },
    { key: 'rename', label: words.rename, children: <List lines={objects.rename ?? []} none={words.nothing} /> },
    { key: 'existing', label: words.existing, children: words.existingText[objects.existing ?? 'refuse'] },
    { key: 'rules', label: words.rules, children: <List lines={(objects.rules ?? []).map((rule) => ruleText(rule, words))} none={words.nothing} /> },
  ];
  return (
    <>
      <Descriptions title={<h2 className="part">{words.tuning}</h2>} bordered size="small" column={1} items={tuned} />
      {instance.full_only && <Typography.Paragraph style={{ marginTop: 8 }}>{words.fullOnly}</Typography.Paragraph>}
      <Descriptions title={<h2 className="part">{words.objects}</h2>} bordered size="small" column={1} items={chosen} style={{ marginTop: 16 }} />
      <Typography.Paragraph type="secondary" style={{ marginTop: 8 }}>
        {words.edit}
      </Typography.Paragraph>
    </>
  );
}

function List({ lines, none }: { lines: readonly string[]; none: string }) {
  if (lines.length === 0) return <Typography.Text type="secondary">{none}</Typography.Text>;
  return (
    <div style={{ maxHeight: 240, overflow: 'auto' }}>
      {lines.map((line) => (
        <div key={line} style={{ overflowWrap: 'anywhere' }}>
          <code>{line}</code>
        </div>
      ))}
    </div>
  );
}

function ruleText(rule: Schemas['ObjectRule'], words: (typeof dictionary)['en']['parameters']): string {
  const parts = [rule.where && `${words.where}: ${rule.where}`, rule.columns && `${words.columns}: ${rule.columns}`, rule.changes && `${words.changes}: ${rule.changes.join(', ')}`, rule.schema_changes && `${words.schema}: ${rule.schema_changes.join(', ')}`];
  return [rule.tables, ...parts.filter((part) => !!part)].join(' · ');
}
