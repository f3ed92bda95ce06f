// What may be asked of an instance in the console, and what keeps it from being asked now.
import type { Command, Instance, Status } from '../api/client';
import type { dictionary } from './words';

type Words = (typeof dictionary)['en'];
export type Action = keyof Words['actions'];

/** Actions that are one command of the service. */
export const COMMANDS = {
  edit: 'configure',
  precheck: 'precheck',
  start: 'start',
  startReverse: 'start',
  pause: 'pause',
  resume: 'resume',
  reset: 'reset',
  stop: 'terminate',
  delete: 'release',
} as const satisfies Partial<Record<Action, Command>>;

/** In groups, in the order of the menu. */
const GROUPS: Action[][] = [
  ['view', 'cause'],
  ['edit', 'precheck', 'start', 'pause', 'resume'],
  ['reverse', 'startReverse', 'failback'],
  ['objects', 'verify', 'duplicate', 'rename', 'tags'],
  ['reset', 'stop', 'delete'],
];

/** Those that only look. */
const LOOKS: Action[] = ['view', 'cause', 'failback'];

const NEVER_STARTED: Status[] = ['NotConfigured', 'NotStarted', 'Prechecking', 'PrecheckFailed', 'PrecheckPassed'];

/** What belongs to an instance of this kind, in groups. */
export function offered(instance: Instance): Action[][] {
  const isReverse = instance.kind === 'reverse';
  const belongs = (action: Action) => {
    if (action === 'cause') return hasCause(instance);
    if (action === 'edit' || action === 'duplicate') return !isReverse;
    if (action === 'start') return !isReverse;
    if (action === 'startReverse') return isReverse;
    if (action === 'reverse') return !isReverse;
    if (action === 'failback') return isReverse || !!instance.peer;
    if (action === 'objects') return !isReverse;
    return true;
  };
  return GROUPS.map((group) => group.filter(belongs)).filter((group) => group.length > 0);
}

/** Whether there is something that somebody should look at. */
export function hasCause(instance: Instance): boolean {
  return instance.why != null || instance.status === 'PrecheckFailed' || instance.status === 'Failed';
}

/** Why it cannot be asked now; nothing if it can. */
export function lockOf(action: Action, instance: Instance, mayOperate: boolean, words: Words): string | undefined {
  if (LOOKS.includes(action)) return undefined;
  if (!mayOperate) return words.needsOperator;
  const why = (name: string) => instance.locked?.find((one) => one.action === name)?.why;
  if (action in COMMANDS) {
    const command = COMMANDS[action as keyof typeof COMMANDS];
    return why(command) ?? (instance.commands.includes(command) ? undefined : words.notNow);
  }
  if (action === 'reverse') return why('reverse') ?? (instance.status === 'Synchronizing' && !instance.peer ? undefined : words.notNow);
  if (action === 'objects') return instance.status === 'Synchronizing' ? undefined : words.noObjects;
  if (action === 'verify') return NEVER_STARTED.includes(instance.status) ? words.noVerify : undefined;
  return undefined;
}
