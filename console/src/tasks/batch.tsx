// The bar in the lower part of the page: the same for several tasks at once, and what became of it for each.
import { useQueryClient } from '@tanstack/react-query';
import { Button, Flex, theme, Typography } from 'antd';
import { useState } from 'react';
import { api, asked, type Instance, type Schemas } from '../api/client';
import { KEYS } from '../api/live';
import { useSession } from '../session';
import { type Said, useNote } from '../shown/confirm';
import { ProblemText } from '../shown/problem';
import { useStatusName } from '../shown/status';
import { useWords } from '../words';
import { dictionary } from './words';

const BATCH = ['start', 'pause', 'terminate', 'release'] as const;
type Batch = (typeof BATCH)[number];
type Result = Schemas['CommandResult'];

/** So many are asked for at once, so that no answer takes long. */
const AT_ONCE = 100;

export function BatchBar({ chosen, onDone }: { chosen: readonly Instance[]; onDone: () => void }) {
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  const { may } = useSession();
  const questions = useQueryClient();
  const [note, ask] = useNote();
  const [doing, setDoing] = useState<number | null>(null);
  const run = async (command: Batch): Promise<Said> => {
    const results: Result[] = [];
    for (let at = 0; at < chosen.length; at += AT_ONCE) {
      setDoing(at);
      const instances = chosen.slice(at, at + AT_ONCE).map((one) => one.id);
      results.push(...(await asked(api.POST('/api/v1/commands', { body: { command, instances } }))));
    }
    setDoing(null);
    void questions.invalidateQueries({ queryKey: [KEYS.instances] });
    if (command === 'release') onDone();
    const isAllPaused = command === 'pause' && chosen.length === 1 && results.every((result) => !result.problem);
    return { title: isAllPaused ? words.allPaused : words.results, text: <Results results={results} chosen={chosen} /> };
  };
  const begin = (command: Batch) => {
    const isDangerous = command === 'terminate' || command === 'release';
    const names = chosen.slice(0, 20).map((one) => one.name);
    const text = (
      <>
        <p style={{ marginTop: 0 }}>{words.batchNotes[command](chosen.length)}</p>
        <Typography.Text type="secondary">
          {names.join(', ')}
          {chosen.length > names.length && ' …'}
        </Typography.Text>
      </>
    );
    ask({ text, isDangerous, typed: command === 'release' ? words.deleteTyped : undefined, run: () => run(command) });
  };
  const isOff = chosen.length === 0 || !may('operator');
  return (
    <section aria-label={words.batch} className={chosen.length === 0 ? 'batch idle' : 'batch'} style={{ background: token.colorBgElevated, borderTop: `1px solid ${token.colorBorderSecondary}` }}>
      {note}
      <Flex gap={8} wrap align="center">
        <Typography.Text type="secondary" role="status" style={{ minWidth: 84 }}>
          {words.selected(doing ?? chosen.length)}
        </Typography.Text>
        {BATCH.map((command) => (
          <Button key={command} disabled={isOff} danger={command === 'release'} onClick={() => begin(command)}>
            {words.batchActions[command]}
          </Button>
        ))}
      </Flex>
    </section>
  );
}

function Results({ results, chosen }: { results: Result[]; chosen: readonly Instance[] }) {
  const words = useWords(dictionary);
  const statusName = useStatusName();
  const name = (id: string) => chosen.find((one) => one.id === id)?.name ?? id;
  // What was refused is what somebody has to look at.
  const sorted = [...results].sort((one, other) => Number(!!other.problem) - Number(!!one.problem));
  return (
    <div className="sideways" style={{ maxHeight: 360, overflow: 'auto' }} tabIndex={0} role="region" aria-label={words.results}>
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">{words.columns.task}</th>
            <th scope="col">{words.result}</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((result) => (
            <tr key={result.instance}>
              <td>{name(result.instance)}</td>
              <td>
                {result.problem ? (
                  <>
                    <Typography.Text type="danger">{result.problem.detail}</Typography.Text>
                    <ProblemText problem={result.problem} />
                  </>
                ) : (
                  `${result.answer?.outcome === 'already' ? words.already : words.accepted}${result.answer ? ` · ${statusName(result.answer.status)}` : ''}`
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
