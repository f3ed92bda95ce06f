// What stands on top of every page: its title, what belongs beside it, and what can be done.
import { Flex, Typography } from 'antd';
import type { ReactNode } from 'react';

export function PageHead({ title, beside, actions, about }: { title: ReactNode; beside?: ReactNode; actions?: ReactNode; about?: ReactNode }) {
  return (
    <header style={{ marginBottom: 14 }}>
      <Flex wrap gap={12} align="center" justify="space-between">
        <Flex wrap gap={12} align="center" style={{ minWidth: 0 }}>
          <Typography.Title level={1} style={{ fontSize: 20, margin: 0, overflowWrap: 'anywhere' }}>
            {title}
          </Typography.Title>
          {beside}
        </Flex>
        {actions && (
          <Flex wrap gap={8} align="center">
            {actions}
          </Flex>
        )}
      </Flex>
      {about && (
        <Typography.Paragraph type="secondary" style={{ margin: '6px 0 0', maxWidth: 820 }}>
          {about}
        </Typography.Paragraph>
      )}
    </header>
  );
}
