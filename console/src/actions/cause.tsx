// The dialog *View Cause*: why an instance failed, or what its precheck found.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Modal, Spin } from 'antd';
import { api, asked, type Instance } from '../api/client';
import { KEYS, useLive } from '../api/live';
import { useSession } from '../session';
import { ProblemAlert } from '../shown/problem';
import { StatusBadge } from '../shown/status';
import { dictionary as shown } from '../shown/words';
import { useWords } from '../words';
import { PrecheckItems } from './precheck-items';
import { dictionary } from './words';

interface Props {
  instance: Instance;
  isOpen: boolean;
  onClose: () => void;
  returnTo: HTMLElement | null;
}

export function CauseDialog({ instance, isOpen, onClose, returnTo }: Props) {
  const words = useWords(dictionary);
  const { close } = useWords(shown);
  const { may } = useSession();
  const { running } = useLive();
  const whole = useQuery({
    queryKey: [KEYS.instance, instance.id],
    queryFn: () => asked(api.GET('/api/v1/instances/{id}', { params: { path: { id: instance.id } } })),
    enabled: isOpen,
    // A precheck takes seconds, and its items come one by one.
    refetchInterval: (query) => (query.state.data?.status === 'Prechecking' ? 1000 : false),
  });
  const now = whole.data ?? running.get(instance.id) ?? instance;
  const questions = useQueryClient();
  // It only looks: nobody needs to be asked whether they are sure.
  const precheck = useMutation({
    mutationFn: () => asked(api.POST('/api/v1/instances/{id}/{command}', { params: { path: { id: instance.id, command: 'precheck' } }, body: { generation: null } })),
    onSettled: () => {
      for (const key of [KEYS.instance, KEYS.instances]) void questions.invalidateQueries({ queryKey: [key] });
    },
  });
  const again = may('operator') && now.commands.includes('precheck') && (
    <Button key="again" loading={precheck.isPending} onClick={() => precheck.mutate()}>
      {words.cause.all}
    </Button>
  );
  return (
    <Modal
      open={isOpen}
      title={words.cause.title(instance.name)}
      width={760}
      onCancel={onClose}
      focusable={{ focusTriggerAfterClose: false }}
      afterClose={() => returnTo?.focus()}
      footer={[again, <Button key="close" type="primary" onClick={onClose}>{close}</Button>]}
    >
      <div style={{ marginBottom: 12 }}>
        <StatusBadge instance={now} isBare />
      </div>
      <ProblemAlert error={precheck.error ?? whole.error ?? now.why} />
      {whole.isPending ? <Spin /> : (now.precheck?.length ?? 0) > 0 || now.status === 'Prechecking' ? <PrecheckItems key={now.generation} instance={now} /> : !now.why && words.noCause}
    </Modal>
  );
}
