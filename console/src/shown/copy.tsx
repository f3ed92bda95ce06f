// A button that puts a text on the clipboard.
import { CheckOutlined, CopyOutlined } from '@ant-design/icons';
import { Button, Tooltip } from 'antd';
import { useEffect, useState } from 'react';
import { useWords } from '../words';
import { dictionary } from './words';

const SHOWN_MS = 1500;

interface Props {
  text: string;
  /** What is copied, for those who cannot see where the button stands. */
  label?: string;
  /** Shown beside the icon. */
  children?: string;
}

export function CopyButton({ text, label, children }: Props) {
  const words = useWords(dictionary);
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    if (!isDone) return;
    const timer = setTimeout(() => setDone(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isDone]);
  const says = isDone ? words.copied : label ? `${words.copy}: ${label}` : words.copy;
  return (
    <Tooltip title={says}>
      <Button
        size="small"
        type="text"
        aria-label={says}
        icon={isDone ? <CheckOutlined /> : <CopyOutlined />}
        onClick={() => void copied(text).then(setDone)}
      >
        {children}
      </Button>
    </Tooltip>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

// Without TLS a browser has no clipboard for scripts, but still the command of old.
function copiedByHand(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.style.position = 'fixed';
  field.style.opacity = '0';
  document.body.append(field);
  field.select();
  const isDone = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isDone;
}
