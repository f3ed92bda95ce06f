// What was refused or went wrong: what it is, and what to do about it.
import { Alert, Flex, Typography } from 'antd';
import type { CSSProperties, ReactNode } from 'react';
import { type Problem, problemOf } from '../api/client';
import { useWords } from '../words';
import { dictionary } from './words';

interface Props {
  /** What was thrown by a call, or a problem that the service gave out. */
  error: unknown;
  type?: 'error' | 'warning';
  action?: ReactNode;
  onClose?: () => void;
  style?: CSSProperties;
}

/** Nothing, as long as there is no error. */
export function ProblemAlert({ error, type = 'error', action, onClose, style }: Props) {
  if (!error) return null;
  const problem = isProblem(error) ? error : problemOf(error);
  return (
    <Alert
      role="alert"
      showIcon
      type={type}
      title={problem.detail}
      description={<ProblemText problem={problem} />}
      action={action}
      closable={onClose ? { onClose } : undefined}
      style={{ marginBottom: 12, overflowWrap: 'anywhere', ...style }}
    />
  );
}

/** What to do, and the code under which the manual explains it. */
export function ProblemText({ problem }: { problem: Problem }) {
  const words = useWords(dictionary);
  if (!problem.remedy && !problem.code) return null;
  return (
    <Flex vertical gap={2}>
      {problem.remedy && (
        <span>
          <Typography.Text strong>{words.remedy}: </Typography.Text>
          {problem.remedy}
        </span>
      )}
      {problem.code && (
        <Typography.Text type="secondary" style={{ fontSize: 12 }}>
          {words.code} {problem.code}
        </Typography.Text>
      )}
    </Flex>
  );
}

function isProblem(error: unknown): error is Problem {
  return typeof error === 'object' && error !== null && !(error instanceof Error) && 'detail' in error;
}
