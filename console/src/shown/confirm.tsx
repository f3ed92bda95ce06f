// The *Note* dialog: nothing happens to an instance before somebody has clicked OK in it.
import { Flex, Input, Modal, Typography } from 'antd';
import { type ReactNode, useCallback, useState } from 'react';
import { useWords } from '../words';
import { ProblemAlert } from './problem';
import { dictionary } from './words';

/** What a dialog says after it is done. */
export interface Said {
  title: string;
  text?: ReactNode;
}

export interface Question {
  /** *Note*, if nothing else is said. */
  title?: string;
  text: ReactNode;
  /** There is nothing to agree to: only OK. */
  isOnlyTold?: boolean;
  /** *OK*, if nothing else is said. */
  ok?: string;
  isDangerous?: boolean;
  /** What has to be typed before it can be agreed to. */
  typed?: string;
  /** What is done then. A refusal is shown in the dialog; what it gives back is said in a dialog of its own. */
  run: () => Promise<Said | void>;
  /** What has the focus when all is over; without it, what had it before. */
  returnTo?: HTMLElement | null;
}

interface Turn {
  question: Question;
  step: 'asking' | 'running' | 'said';
  error: unknown;
  said: Said | null;
  typed: string;
}

/** The dialog, to be put somewhere, and what opens it. */
export function useNote(): [ReactNode, (question: Question) => void] {
  const [turn, setTurn] = useState<Turn | null>(null);
  const [isOpen, setOpen] = useState(false);
  const ask = useCallback((question: Question) => {
    const returnTo = question.returnTo ?? (document.activeElement as HTMLElement | null);
    setTurn({ question: { ...question, returnTo }, step: 'asking', error: null, said: null, typed: '' });
    setOpen(true);
  }, []);
  const run = async (current: Turn) => {
    setTurn({ ...current, step: 'running', error: null });
    try {
      const said = await current.question.run();
      if (said) setTurn({ ...current, step: 'said', said, error: null });
      else setOpen(false);
    } catch (error) {
      setTurn({ ...current, step: 'asking', error });
    }
  };
  const dialog = turn && (
    <NoteDialog turn={turn} isOpen={isOpen} onType={(typed) => setTurn({ ...turn, typed })} onOk={() => void run(turn)} onClose={() => setOpen(false)} />
  );
  return [dialog, ask];
}

interface DialogProps {
  turn: Turn;
  isOpen: boolean;
  onType: (typed: string) => void;
  onOk: () => void;
  onClose: () => void;
}

function NoteDialog({ turn, isOpen, onType, onOk, onClose }: DialogProps) {
  const words = useWords(dictionary);
  const { question, step, said } = turn;
  const isSaid = step === 'said';
  const isTyped = question.typed === undefined || turn.typed === question.typed;
  return (
    <Modal
      open={isOpen}
      title={isSaid ? said?.title : (question.title ?? words.note)}
      okText={isSaid ? words.ok : (question.ok ?? words.ok)}
      cancelText={words.cancel}
      confirmLoading={step === 'running'}
      okButtonProps={{ danger: question.isDangerous && !isSaid, disabled: !isSaid && !isTyped }}
      cancelButtonProps={{ style: isSaid || question.isOnlyTold ? { display: 'none' } : undefined }}
      mask={{ closable: false }}
      closable={{ 'aria-label': words.close }}
      onOk={isSaid ? onClose : onOk}
      onCancel={onClose}
      focusable={{ focusTriggerAfterClose: false }}
      afterClose={() => question.returnTo?.focus()}
    >
      {isSaid ? said?.text : <Asking turn={turn} onType={onType} onOk={isTyped ? onOk : undefined} />}
    </Modal>
  );
}

function Asking({ turn, onType, onOk }: { turn: Turn; onType: (typed: string) => void; onOk?: () => void }) {
  const words = useWords(dictionary);
  const { question } = turn;
  return (
    <Flex vertical gap={12} style={{ overflowWrap: 'anywhere' }}>
      <ProblemAlert error={turn.error} style={{ marginBottom: 0 }} />
      <div>{question.text}</div>
      {question.typed !== undefined && (
        <label>
          <Typography.Text>{words.typeName(question.typed)}</Typography.Text>
          <Input value={turn.typed} onChange={(event) => onType(event.target.value)} onPressEnter={onOk} autoComplete="off" aria-label={words.name} style={{ marginTop: 6 }} />
        </label>
      )}
    </Flex>
  );
}
