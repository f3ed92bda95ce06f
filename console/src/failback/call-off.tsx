// Taking a takeover back, for as long as that is possible.
import { StopOutlined } from '@ant-design/icons';
import { useMutation } from '@tanstack/react-query';
import { App, Button, Tooltip, Typography } from 'antd';
import { type Instance, problemOf } from '../api/client';
import { useSession } from '../session';
import { useWords } from '../words';
import type { Doing } from './doing';
import type { Pair } from './pair';
import { dictionary } from './words';

export function CallOff({ pair, turning, doing }: { pair: Pair; turning: Instance; doing: Doing }) {
  const words = useWords(dictionary);
  const session = useSession();
  const from = turning.id === pair.forward.id ? 'B' : 'A';
  const { message } = App.useApp();
  // Nothing is lost by it and seconds count: it is not asked twice.
  const callOff = useMutation({
    mutationFn: () => doing.asking.command(turning.id, 'pause'),
    onError: (error) => void message.error(problemOf(error).detail),
  });
  if (turning.may_write)
    return (
      <Typography.Text type="secondary" style={{ whiteSpace: 'normal' }}>
        {words.callOff.tooLate}
      </Typography.Text>
    );
  if (!session.may('operator')) return null;
  return (
    <Tooltip title={words.callOff.text(from, turning.name)}>
      <Button danger size="large" icon={<StopOutlined />} loading={callOff.isPending} onClick={() => callOff.mutate()}>
        {words.callOff.button}
      </Button>
    </Tooltip>
  );
}
