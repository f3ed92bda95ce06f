// An instance's status as a person reads it.
import { Badge, Flex } from 'antd';
import type { Instance, Status } from '../api/client';
import { useLanguage, useWords } from '../words';
import { dictionary, statusesEn, statusesZh } from './words';

type Shade = 'default' | 'processing' | 'success' | 'warning' | 'error';

const SHADES: Partial<Record<Status, Shade>> = {
  Prechecking: 'processing',
  PrecheckFailed: 'error',
  PrecheckPassed: 'success',
  Initializing: 'processing',
  Collecting: 'processing',
  Synchronizing: 'success',
  Switching: 'processing',
  Pausing: 'processing',
  Paused: 'warning',
  Retrying: 'warning',
  Failed: 'error',
  Resetting: 'processing',
  Terminating: 'processing',
  Releasing: 'processing',
};

/** The title; in English it is what the service says, up to what it adds behind a dot. */
export function useTitle(): (instance: Pick<Instance, 'status' | 'title'>) => string {
  const { language } = useLanguage();
  return ({ status, title }) => (language === 'zh' && statusesZh[status]) || (title.split(' · ')[0] ?? title);
}

/** The same where only the status is known: in a history, or an answer. */
export function useStatusName(): (status: Status) => string {
  const title = useTitle();
  return (status) => title({ status, title: statusesEn[status] ?? status });
}

interface Props {
  instance: Pick<Instance, 'status' | 'title' | 'why'>;
  /** Only the title, without what is below it. */
  isBare?: boolean;
}

export function StatusBadge({ instance, isBare }: Props) {
  const words = useWords(dictionary);
  const title = useTitle();
  const below = instance.status === 'Collecting' ? words.collecting : instance.why?.detail;
  return (
    <Flex vertical style={{ minWidth: 0 }}>
      <Badge status={SHADES[instance.status] ?? 'default'} text={title(instance)} style={{ whiteSpace: 'nowrap' }} />
      {below && !isBare && (
        <span className="cut pale small" title={instance.why ? `${instance.why.detail}. ${instance.why.remedy}` : undefined}>
          {below}
        </span>
      )}
    </Flex>
  );
}
