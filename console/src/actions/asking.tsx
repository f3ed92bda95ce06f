// From an entry of the menu to what the service is asked: a Note first, then the command, then what became of it.
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useCallback, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { api, asked, type Command, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { type Question, type Said, useNote } from '../shown/confirm';
import { useWords } from '../words';
import { CauseDialog } from './cause';
import { type Answer, FromAnswer, ResetPreview, StartReverseText, TextAnswer } from './note-parts';
import type { Action } from './offered';
import { tagsOf, tagsText } from './tags';
import { dictionary } from './words';

type Words = (typeof dictionary)['en'];

/** As long as somebody would look at a dialog that says that it is under way. */
const PAUSE_MS = 20_000;
const LOOK_MS = 400;

interface Cause {
  instance: Instance;
  isOpen: boolean;
  returnTo: HTMLElement | null;
}

export type Act = (action: Action, instance: Instance, locked?: string, returnTo?: HTMLElement | null) => void;

/** The dialogs, to be put somewhere, and what begins an action. */
export function useActions(): [ReactNode, Act] {
  const words = useWords(dictionary);
  const go = useNavigate();
  const questions = useQueryClient();
  const [note, ask] = useNote();
  const [cause, setCause] = useState<Cause | null>(null);
  const act: Act = useCallback(
    (action, instance, locked, returnTo = null) => {
      const to = addressOf(action, instance);
      if (locked) return ask({ title: words.actions[action], text: <Locked why={locked} action={action} instance={instance} />, isOnlyTold: true, run: async () => {}, returnTo });
      if (to) return void go(to);
      if (action === 'cause') return setCause({ instance, isOpen: true, returnTo });
      const question = questionOf(action, instance, words);
      if (!question) return;
      const run = async () => {
        const said = await question.run();
        void questions.invalidateQueries({ queryKey: [KEYS.instances] });
        void questions.invalidateQueries({ queryKey: [KEYS.instance] });
        void questions.invalidateQueries({ queryKey: [KEYS.history, instance.id] });
        return said;
      };
      ask({ ...question, run, returnTo });
    },
    [ask, go, questions, words],
  );
  const dialogs = (
    <>
      {note}
      {cause && <CauseDialog {...cause} onClose={() => setCause({ ...cause, isOpen: false })} />}
    </>
  );
  return [dialogs, act];
}

function Locked({ why, action, instance }: { why: string; action: Action; instance: Instance }) {
  const words = useWords(dictionary);
  const isOfPair = instance.peer && ['start', 'startReverse', 'resume', 'reverse'].includes(action);
  return (
    <>
      <p style={{ marginTop: 0 }}>
        {words.locked}: {why}
      </p>
      {isOfPair && <Link to={`/failback/${instance.id}`}>{words.toFailback}</Link>}
    </>
  );
}

/** Where an action that only leads to another page leads. */
function addressOf(action: Action, { id }: Instance): string | undefined {
  const addresses: Partial<Record<Action, string>> = {
    view: `/tasks/${id}`,
    edit: `/configure/${id}`,
    failback: `/failback/${id}`,
    objects: `/tasks/${id}?tab=objects`,
    verify: `/tasks/${id}?tab=verification`,
  };
  return addresses[action];
}

function questionOf(action: Action, instance: Instance, words: Words): Question | undefined {
  const { id, name } = instance;
  const tell = async (command: Command): Promise<Said | void> => {
    await commanded(id, command);
  };
  const { notes, actions } = words;
  switch (action) {
    case 'precheck':
      return { text: notes.precheck(name), run: () => tell('precheck') };
    case 'start':
      return { text: notes.start(name), run: () => tell('start') };
    case 'resume':
      return { text: notes.resume(name), run: () => tell('resume') };
    case 'pause':
      return { text: notes.pause(name), run: () => paused(id, words) };
    case 'reverse':
      return reverseOf(instance, words);
    case 'startReverse': {
      const link = <Link to={`/failback/${id}`}>{words.toFailback}</Link>;
      return { text: <><StartReverseText instance={instance} />{link}</>, run: () => tell('start') };
    }
    case 'reset':
      return { text: <><p style={{ marginTop: 0 }}>{notes.reset(name)}</p><ResetPreview id={id} /></>, isDangerous: true, run: () => tell('reset') };
    case 'stop':
      return { text: <><p style={{ marginTop: 0 }}>{notes.stop(name)}</p><p>{notes.stopNext}</p></>, isDangerous: true, run: () => stopped(id, words) };
    case 'delete':
      return { text: notes.delete(name), typed: name, isDangerous: true, run: () => tell('release') };
    case 'duplicate':
      return duplicateOf(instance, words);
    case 'rename': {
      const answer: Answer = { value: name };
      const run = async () => void (await asked(api.POST('/api/v1/instances/{id}/rename', { params: { path: { id } }, body: { name: answer.value } })));
      return { title: actions.rename, text: <>{notes.rename}<TextAnswer label={words.newName} answer={answer} /></>, run };
    }
    case 'tags': {
      const answer: Answer = { value: tagsText(instance) };
      const run = async () => void (await asked(api.PUT('/api/v1/instances/{id}/tags', { params: { path: { id } }, body: tagsOf(answer.value) })));
      return { title: actions.tags, text: <TextAnswer label={notes.tags} answer={answer} isLong />, run };
    }
    default:
      return undefined;
  }
}

function reverseOf({ id, name }: Instance, words: Words): Question {
  const from: Answer = { value: 'ask' };
  // It appears in the list, whose status tells the rest.
  const run = async () => {
    const body = from.value === 'ask' ? {} : { from: from.value };
    await asked(api.POST('/api/v1/instances/{id}/reverse', { params: { path: { id } }, body: { name: null, from: null, ...body } }));
  };
  return { text: <>{words.notes.reverse(name)}<FromAnswer answer={from} /></>, run };
}

function duplicateOf({ id, name }: Instance, words: Words): Question {
  const answer: Answer = { value: `${name}-2` };
  const run = async (): Promise<Said> => {
    const made = await asked(api.POST('/api/v1/instances/{id}/duplicate', { params: { path: { id } }, body: { name: answer.value } }));
    return { title: words.created(made.name), text: <Link to={`/configure/${made.id}`}>{words.open}</Link> };
  };
  return { title: words.actions.duplicate, text: <>{words.notes.duplicate(name)}<TextAnswer label={words.newName} answer={answer} /></>, run };
}

async function commanded(id: string, command: Command) {
  return asked(api.POST('/api/v1/instances/{id}/{command}', { params: { path: { id, command } }, body: { generation: null } }));
}

// The dialog says that it is paused, so it waits until it is.
async function paused(id: string, words: Words): Promise<Said> {
  await commanded(id, 'pause');
  const until = Date.now() + PAUSE_MS;
  while (Date.now() < until) {
    const now = await asked(api.GET('/api/v1/instances/{id}', { params: { path: { id } } }));
    if (now.status === 'Paused') return { title: words.paused, text: words.pausedText };
    if (now.status !== 'Pausing') break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { title: words.pausing, text: words.pausingText };
}

async function stopped(id: string, words: Words): Promise<Said> {
  await commanded(id, 'terminate');
  return { title: words.stopped, text: <>{words.stoppedText} <Link to={`/tasks/${id}?tab=cleanup`}>{words.toCleanup}</Link></> };
}
