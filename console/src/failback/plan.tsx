// What a takeover would do, and what is in its way: both databases are asked, and nothing is changed.
import { CheckCircleOutlined, CloseCircleOutlined, ReloadOutlined, WarningOutlined } from '@ant-design/icons';
import type { UseQueryResult } from '@tanstack/react-query';
import { Alert, Button, Flex, Spin, Tag, theme, Typography } from 'antd';
import type { Schemas } from '../api/client';
import { ProblemAlert } from '../shown/problem';
import { useWords } from '../words';
import type { TakeoverPlan } from './pair';
import { dictionary } from './words';

/** Lines of the plan begin with their number; the list gives them theirs. */
const bare = (step: string) => step.replace(/^\d+\.\s*/, '');
const isPoint = (step: string) => bare(step).startsWith('point of no return');

interface Props {
  plan: UseQueryResult<TakeoverPlan>;
  /** What the statuses of the two have against it. */
  locked: string | null;
  onAgain: () => void;
}

export function Plan({ plan, locked, onAgain }: Props) {
  const words = useWords(dictionary).turn;
  return (
    <section aria-label={words.plan} aria-busy={plan.isFetching}>
      <Flex gap={8} align="center" justify="space-between" style={{ marginBottom: 6 }}>
        <h3 style={{ fontSize: 14, margin: 0 }}>{words.plan}</h3>
        <Button size="small" icon={<ReloadOutlined />} loading={plan.isFetching} onClick={onAgain}>
          {words.checkAgain}
        </Button>
      </Flex>
      {plan.isPending && (
        <p>
          <Spin size="small" /> {words.planning}
        </p>
      )}
      {plan.error && <ProblemAlert error={plan.error} />}
      {plan.data && <Known plan={plan.data} locked={locked} isOld={plan.isPlaceholderData} />}
    </section>
  );
}

function Known({ plan, locked, isOld }: { plan: TakeoverPlan; locked: string | null; isOld: boolean }) {
  // The plan says the same with the instance's name before it.
  const obstacles = locked && !plan.obstacles.some((obstacle) => obstacle.includes(locked)) ? [locked, ...plan.obstacles] : plan.obstacles;
  const words = useWords(dictionary).turn;
  return (
    <Flex vertical gap={12} style={{ opacity: isOld ? 0.5 : 1 }}>
      {obstacles.length > 0 ? (
        <Alert
          type="error"
          showIcon
          title={words.obstacles}
          description={
            <ul style={{ margin: 0, paddingInlineStart: 18, overflowWrap: 'anywhere' }}>
              {obstacles.map((obstacle) => (
                <li key={obstacle}>{obstacle}</li>
              ))}
            </ul>
          }
        />
      ) : (
        <Alert type="success" showIcon title={words.free} description={plan.left === null || plan.left === undefined ? undefined : words.underWay(plan.left)} />
      )}
      <Steps steps={plan.steps} />
      <Fences fences={plan.fences} />
    </Flex>
  );
}

function Steps({ steps }: { steps: string[] }) {
  const { token } = theme.useToken();
  return (
    <ol style={{ margin: 0, paddingInlineStart: 22, overflowWrap: 'anywhere' }}>
      {steps.map((step) => (
        <li key={step} style={isPoint(step) ? { borderBlockEnd: `2px solid ${token.colorError}`, fontWeight: 600, padding: '3px 0' } : { padding: '1px 0' }}>
          {bare(step)}
        </li>
      ))}
    </ol>
  );
}

function Fences({ fences }: { fences: Schemas['FenceOffered'][] }) {
  const words = useWords(dictionary).turn;
  const { token } = theme.useToken();
  return (
    <div>
      <h3 style={{ fontSize: 14, margin: '0 0 6px' }}>{words.fence}</h3>
      <ul style={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 6 }}>
        {fences.map((fence) => (
          <li key={fence.way} style={{ borderInlineStart: `3px solid ${fence.chosen ? token.colorPrimary : token.colorBorderSecondary}`, paddingInlineStart: 10, overflowWrap: 'anywhere' }}>
            <Flex wrap gap={6} align="center">
              {fence.lacks ? <CloseCircleOutlined style={{ color: token.colorError }} /> : <CheckCircleOutlined style={{ color: token.colorSuccess }} />}
              <Typography.Text strong={fence.chosen}>{words.fences[fence.way].title}</Typography.Text>
              {fence.chosen && <Tag color="processing">{words.willUse}</Tag>}
            </Flex>
            {fence.lacks && (
              <div>
                {words.cannot}: {fence.lacks}
              </div>
            )}
            {fence.lacks && fence.remedy && (
              <Typography.Text type="secondary">
                {words.remedy}: {fence.remedy}
              </Typography.Text>
            )}
            {fence.warnings.map((warning) => (
              <div key={warning}>
                <WarningOutlined style={{ color: token.colorWarning }} /> {warning}
              </div>
            ))}
          </li>
        ))}
      </ul>
    </div>
  );
}
