// The items of a precheck: what each found, what to do about it, and to look again or pass it over.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Empty, Flex, Input, Popover, Tag, Tooltip, Typography } from 'antd';
import { useState } from 'react';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { KEYS } from '../api/live';
import { useSession } from '../session';
import { CopyButton } from '../shown/copy';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import { dictionary } from './words';

type Item = Schemas['PrecheckItem'];

const COLORS: Record<Item['result'], string> = { passed: 'success', warning: 'warning', failed: 'error', skipped: 'default', unknown: 'default' };
/** The worst first. */
const ORDER: Item['result'][] = ['failed', 'unknown', 'warning', 'skipped', 'passed'];

export function PrecheckItems({ instance }: { instance: Instance }) {
  const { cause: words } = useWords(dictionary);
  const [opened, setOpened] = useState<ReadonlySet<string>>(() => new Set((instance.precheck ?? []).filter((item) => item.result === 'failed' || (item.result === 'unknown' && item.blocks)).map(keyOf)));
  const items = [...(instance.precheck ?? [])].sort((one, other) => ORDER.indexOf(one.result) - ORDER.indexOf(other.result));
  const many = (result: Item['result']) => items.filter((item) => item.result === result).length;
  if (items.length === 0) {
    return (
      <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={words.none}>
        <Typography.Text type="secondary">{words.noneHint}</Typography.Text>
      </Empty>
    );
  }
  const toggle = (item: Item) => {
    const next = new Set(opened);
    if (!next.delete(keyOf(item))) next.add(keyOf(item));
    setOpened(next);
  };
  return (
    <>
      <Typography.Paragraph type="secondary">{words.summary(many('failed'), many('unknown'), many('warning'), many('passed'))}</Typography.Paragraph>
      <div className="sideways" role="region" aria-label={words.item} tabIndex={0}>
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">{words.item}</th>
              <th scope="col">{words.side}</th>
              <th scope="col">{words.result}</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <ItemRows key={keyOf(item)} item={item} instance={instance} isOpen={opened.has(keyOf(item))} onToggle={() => toggle(item)} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface ItemProps {
  item: Item;
  instance: Instance;
  isOpen: boolean;
  onToggle: () => void;
}

function ItemRows({ item, instance, isOpen, onToggle }: ItemProps) {
  const { cause: words } = useWords(dictionary);
  const hasMore = !!item.detail || !!item.remedy || item.result !== 'passed';
  return (
    <>
      <tr>
        <td>
          {item.title}{' '}
          <Typography.Text type="secondary" style={{ fontSize: 12 }}>
            {item.code}
          </Typography.Text>
        </td>
        <td>{words.sides[item.side] ?? item.side}</td>
        <td>
          <Flex gap={8} align="center" wrap>
            <Tag color={COLORS[item.result]} style={{ marginInlineEnd: 0 }}>
              {words.results[item.result]}
            </Tag>
            {hasMore && (
              <Button type="link" size="small" aria-expanded={isOpen} onClick={onToggle} style={{ paddingInline: 0 }}>
                {words.details}
              </Button>
            )}
          </Flex>
        </td>
      </tr>
      {hasMore && isOpen && (
        <tr>
          <td colSpan={3} style={{ paddingTop: 0 }}>
            <Details item={item} instance={instance} />
          </td>
        </tr>
      )}
    </>
  );
}

function Details({ item, instance }: { item: Item; instance: Instance }) {
  const { cause: words } = useWords(dictionary);
  const questions = useQueryClient();
  const { may } = useSession();
  const anew = () => questions.invalidateQueries({ queryKey: [KEYS.instance, instance.id] });
  const path = { id: instance.id, item: item.code };
  const again = useMutation({ mutationFn: () => asked(api.POST('/api/v1/instances/{id}/precheck/{item}', { params: { path } })), onSuccess: anew });
  const unskip = useMutation({ mutationFn: () => asked(api.DELETE('/api/v1/instances/{id}/precheck/{item}/skip', { params: { path } })), onSuccess: () => again.mutate() });
  return (
    <Flex vertical gap={8} style={{ overflowWrap: 'anywhere', paddingInlineStart: 12 }}>
      <ProblemAlert error={again.error ?? unskip.error} style={{ marginBottom: 0 }} />
      {item.detail && <Typography.Text>{item.detail}</Typography.Text>}
      {item.remedy && (
        <Flex gap={4} align="start">
          <Typography.Text>
            <Typography.Text strong>{words.fix}: </Typography.Text>
            <code>{item.remedy}</code>
          </Typography.Text>
          <CopyButton text={item.remedy} label={item.title} />
        </Flex>
      )}
      {item.blocks && item.result !== 'passed' && <Typography.Text type="secondary">{words.blocks}</Typography.Text>}
      {may('operator') && (
        <Flex gap={8}>
          <Button size="small" loading={again.isPending} onClick={() => again.mutate()}>
            {words.again}
          </Button>
          {item.result === 'skipped' && (
            <Button size="small" loading={unskip.isPending} onClick={() => unskip.mutate()}>
              {words.unskip}
            </Button>
          )}
          {item.result === 'warning' && <Skip path={path} onDone={anew} />}
          {item.result === 'failed' && (
            <Tooltip title={words.blocks}>
              <Button size="small" aria-disabled className="locked" aria-description={words.blocks}>
                {words.skip}
              </Button>
            </Tooltip>
          )}
        </Flex>
      )}
    </Flex>
  );
}

function Skip({ path, onDone }: { path: { id: string; item: string }; onDone: () => Promise<void> }) {
  const { cause: words } = useWords(dictionary);
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const skip = useMutation({
    mutationFn: async () => {
      await asked(api.PUT('/api/v1/instances/{id}/precheck/{item}/skip', { params: { path }, body: { reason } }));
      // It is looked at once more, so that the list says that it is passed over.
      await asked(api.POST('/api/v1/instances/{id}/precheck/{item}', { params: { path } })).catch(() => {});
    },
    onSuccess: () => {
      setOpen(false);
      return onDone();
    },
  });
  const form = (
    <Flex vertical gap={8} style={{ width: 260 }}>
      <ProblemAlert error={skip.error} style={{ marginBottom: 0 }} />
      <Input.TextArea rows={2} autoFocus aria-label={words.reason} placeholder={words.reason} value={reason} onChange={(event) => setReason(event.target.value)} />
      <Button type="primary" size="small" disabled={reason.trim() === ''} loading={skip.isPending} onClick={() => skip.mutate()}>
        {words.skip}
      </Button>
    </Flex>
  );
  return (
    <Popover open={isOpen} onOpenChange={setOpen} trigger="click" content={form} destroyOnHidden>
      <Button size="small">{words.skip}</Button>
    </Popover>
  );
}

function keyOf(item: Item): string {
  return `${item.code} ${item.side}`;
}
