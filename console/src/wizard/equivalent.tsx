// The same as commands: what is entered here can be repeated in a script.
import { Card, Tabs, theme, Typography } from 'antd';
import { useMemo } from 'react';
import { CopyButton } from '../shown/copy';
import { useWords } from '../words';
import { cli, curl } from './command';
import type { Draft } from './draft';
import { dictionary } from './words';

export function Equivalent({ draft, id }: { draft: Draft; id: string | null }) {
  const words = useWords(dictionary).equivalent;
  const texts = useMemo(() => {
    const hasRegion = !!draft.source.region || !!draft.target.region;
    return { cli: `${cli(draft, !id)}${hasRegion ? `\n${words.region}` : ''}`, api: curl(draft, id) };
  }, [draft, id, words.region]);
  const item = (key: 'cli' | 'api') => ({ key, label: words[key], children: <Command text={texts[key]} label={words[key]} /> });
  return (
    <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{words.title}</h2>} style={{ position: 'sticky', top: 66 }} styles={{ body: { paddingTop: 0 } }}>
      <Tabs size="small" items={[item('cli'), item('api')]} />
      <Typography.Text type="secondary">{words.hint}</Typography.Text>
    </Card>
  );
}

function Command({ text, label }: { text: string; label: string }) {
  const { token } = theme.useToken();
  return (
    <div style={{ position: 'relative' }}>
      <div style={{ position: 'absolute', insetInlineEnd: 4, top: 4 }}>
        <CopyButton text={text} label={label} />
      </div>
      <pre tabIndex={0} aria-label={label} style={{ margin: '0 0 8px', padding: '8px 36px 8px 8px', background: token.colorFillQuaternary, fontSize: 12, maxHeight: 420, overflow: 'auto', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {text}
      </pre>
    </div>
  );
}
