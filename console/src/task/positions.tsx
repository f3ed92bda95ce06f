// How far the source's log has been read, and how far it is in the target.
import { Descriptions, Flex, Typography } from 'antd';
import type { Instance } from '../api/client';
import { CopyButton } from '../shown/copy';
import { bytes, count, moment } from '../shown/numbers';
import { useWords } from '../words';
import { dictionary } from './words';

export function Positions({ instance }: { instance: Instance }) {
  const { positions: words } = useWords(dictionary);
  const { progress } = instance;
  const keeps = instance.source_keeps_until ? [{ key: 'keeps', label: words.keeps, children: moment(instance.source_keeps_until) }] : [];
  if (!progress) {
    return (
      <>
        <Typography.Paragraph type="secondary">{words.none}</Typography.Paragraph>
        {keeps.length > 0 && <Descriptions bordered size="small" column={1} items={keeps} />}
      </>
    );
  }
  const items = [
    { key: 'captured', label: words.captured, children: <Position text={progress.position_captured} label={words.captured} /> },
    { key: 'applied', label: words.applied, children: <Position text={progress.position} label={words.applied} /> },
    { key: 'sequence', label: words.sequence, children: words.sequenceText(count(progress.seq_captured), count(progress.seq_applied)) },
    { key: 'log', label: words.log, children: bytes(progress.log_bytes) },
    { key: 'bytes', label: words.bytes, children: bytes(progress.bytes_captured) },
    ...keeps,
  ];
  return <Descriptions bordered size="small" column={1} items={items} />;
}

function Position({ text, label }: { text: string; label: string }) {
  if (text === '') return '—';
  return (
    <Flex gap={4} align="start">
      <code style={{ overflowWrap: 'anywhere' }}>{text}</code>
      <CopyButton text={text} label={label} />
    </Flex>
  );
}
