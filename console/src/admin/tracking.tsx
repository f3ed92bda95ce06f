// Change tracking: what it will be. A page that is there says more than an entry that is missing.
import { Button, Card, Tag, Typography } from 'antd';
import { useNavigate } from 'react-router';
import { PageHead } from '../shown/page-head';
import { useWords } from '../words';
import { dictionary } from './words';

export default function Tracking() {
  const { tracking: words } = useWords(dictionary);
  const go = useNavigate();
  return (
    <>
      <PageHead title={words.title} beside={<Tag>{words.notYet}</Tag>} />
      <Card style={{ maxWidth: 720 }}>
        <Typography.Paragraph>{words.what}</Typography.Paragraph>
        <h2 className="part">{words.how}</h2>
        <ul>
          {words.points.map((point) => (
            <li key={point}>{point}</li>
          ))}
        </ul>
        <Typography.Paragraph type="secondary">{words.until}</Typography.Paragraph>
        <Button onClick={() => void go('/new?kind=sync')}>{words.start}</Button>
      </Card>
    </>
  );
}
