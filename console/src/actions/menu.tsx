// The menu ⋮ of an instance. A list has many: only one that is open is more than a button. What cannot be asked now stays in it, and says why.
import { MoreOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Button, Dropdown, theme, Tooltip } from 'antd';
import { Fragment, type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from 'react';
import { api, asked, type Instance } from '../api/client';
import { KEYS } from '../api/live';
import { useSession } from '../session';
import { useWords } from '../words';
import { type Action, lockOf, offered } from './offered';
import { dictionary } from './words';

/** From pressing a mouse's button to the click that it makes. */
const CLICK_MS = 250;

interface Props {
  instance: Instance;
  onAct: (action: Action, instance: Instance, locked: string | undefined, returnTo: HTMLElement | null) => void;
}

export function ActionMenu({ instance, onAct }: Props) {
  const words = useWords(dictionary);
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const closedAt = useRef(0);
  // A list does not say why something is locked: it is asked for when somebody wants to know.
  const whole = useQuery({
    queryKey: [KEYS.instance, instance.id],
    queryFn: () => asked(api.GET('/api/v1/instances/{id}', { params: { path: { id: instance.id } } })),
    enabled: isOpen,
  });
  const close = (andFocus: boolean) => {
    closedAt.current = performance.now();
    setOpen(false);
    if (andFocus) button.current?.focus();
  };
  const now = whole.data ?? instance;
  const act = (action: Action, locked: string | undefined) => {
    close(false);
    onAct(action, now, locked, button.current);
  };
  // Pressing the mouse outside of the menu, and so on its button, closes it; the click that follows must not open it again.
  // The keyboard's click has no count, and closes nothing before.
  const toggle = ({ detail }: MouseEvent) => setOpen(!isOpen && (detail === 0 || performance.now() - closedAt.current > CLICK_MS));
  const opener = (
    <Button ref={button} size="small" type="text" icon={<MoreOutlined />} aria-label={words.more} aria-haspopup="menu" aria-expanded={isOpen} title={words.actionsOf(instance.name)} onClick={toggle} />
  );
  return (
    <>
      {opener}
      {isOpen && (
        <Dropdown
          open
          onOpenChange={(open) => (open ? setOpen(true) : close(false))}
          trigger={['click']}
          placement="bottomRight"
          // Left of its button, and moved up in a small window until all of it can be seen.
          align={{ points: ['tr', 'tl'], offset: [-32, 0], overflow: { adjustX: true, adjustY: true, shiftX: true, shiftY: true } }}
          popupRender={() => <ActionList instance={now} onAct={act} onLeave={() => close(true)} />}
        >
          <span className="anchor" />
        </Dropdown>
      )}
    </>
  );
}

interface ListProps {
  instance: Instance;
  onAct: (action: Action, locked: string | undefined) => void;
  onLeave: () => void;
}

function ActionList({ instance, onAct, onLeave }: ListProps) {
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  const { may } = useSession();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    entries(list.current)[0]?.focus();
  }, []);
  return (
    <div
      ref={list}
      role="menu"
      aria-label={words.actionsOf(instance.name)}
      onKeyDown={(event) => steered(event, list.current, onLeave)}
      style={{ background: token.colorBgElevated, boxShadow: token.boxShadowSecondary, borderRadius: token.borderRadiusLG, padding: 4, width: 210, maxHeight: 'calc(100dvh - 24px)', overflowY: 'auto' }}
    >
      {offered(instance).map((group, at) => (
        <Fragment key={group[0]}>
          {at > 0 && <div role="separator" style={{ borderTop: `1px solid ${token.colorBorderSecondary}`, margin: '4px 0' }} />}
          {group.map((action) => (
            <Entry key={action} action={action} locked={lockOf(action, instance, may('operator'), words)} onAct={onAct} />
          ))}
        </Fragment>
      ))}
    </div>
  );
}

function Entry({ action, locked, onAct }: { action: Action; locked: string | undefined; onAct: ListProps['onAct'] }) {
  const words = useWords(dictionary);
  const isDangerous = action === 'delete' || action === 'stop' || action === 'reset';
  return (
    <Tooltip title={locked} placement="left" mouseEnterDelay={0.2}>
      <Button
        type="text"
        block
        role="menuitem"
        tabIndex={-1}
        danger={isDangerous && !locked}
        className={locked ? 'entry locked' : 'entry'}
        aria-disabled={!!locked}
        aria-description={locked}
        onClick={() => onAct(action, locked)}
      >
        {words.actions[action]}
      </Button>
    </Tooltip>
  );
}

function entries(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
}

function steered(event: KeyboardEvent, list: HTMLElement | null, onLeave: () => void) {
  const all = entries(list);
  const at = all.indexOf(document.activeElement as HTMLElement);
  const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
  const step = steps[event.key];
  if (step !== undefined) {
    event.preventDefault();
    all.at(step % all.length)?.focus();
  } else if (event.key === 'Escape' || event.key === 'Tab') {
    event.preventDefault();
    event.stopPropagation();
    onLeave();
  }
}
