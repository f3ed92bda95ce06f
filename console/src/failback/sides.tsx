// The two databases, in words, under the picture.
import { CheckCircleOutlined, LockOutlined, WarningOutlined } from '@ant-design/icons';
import { Col, Flex, Grid, Row, Tag, Typography } from 'antd';
import { EndpointLine } from '../shown/endpoint';
import { useWords } from '../words';
import { useClosing } from './history';
import { openSide, type Pair, type Side, turningOf } from './pair';
import { dictionary } from './words';

export function Sides({ pair }: { pair: Pair }) {
  return (
    <Row gutter={[16, 8]} style={{ margin: '4px 0 12px' }}>
      {(['a', 'b'] as const).map((side) => (
        <Col key={side} xs={24} sm={12}>
          <Database pair={pair} side={side} />
        </Col>
      ))}
    </Row>
  );
}

function Database({ pair, side }: { pair: Pair; side: Side }) {
  const words = useWords(dictionary);
  const endpoint = side === 'a' ? pair.forward.source : pair.forward.target;
  const isOpen = openSide(pair) === side;
  const isWide = Grid.useBreakpoint().sm;
  const closing = useClosing(pair);
  const isDeclared = !isOpen && !!closing?.isDeclared;
  const shut = isDeclared ? words.side.noFence : turningOf(pair) ? words.side.moving : closing ? words.side.shut : words.side.readOnly;
  const icon = isOpen ? <CheckCircleOutlined /> : isDeclared ? <WarningOutlined /> : <LockOutlined />;
  return (
    <Flex vertical gap={4} align={side === 'b' && isWide ? 'end' : 'start'} style={{ minWidth: 0 }}>
      <Typography.Text strong>{words.side.title(side)}</Typography.Text>
      <div style={{ maxWidth: '100%' }}>
        <EndpointLine endpoint={endpoint} />
      </div>
      <Tag color={isOpen ? 'success' : isDeclared ? 'warning' : 'default'} icon={icon} style={{ margin: 0, whiteSpace: 'normal' }}>
        {isOpen ? words.side.open : shut}
      </Tag>
      {!isOpen && closing && !isDeclared && <Typography.Text type="secondary">{closing.said}</Typography.Text>}
    </Flex>
  );
}
