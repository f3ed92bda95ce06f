// A curve without axes: how it went lately.
import { theme } from 'antd';
import { useWords } from '../words';
import { dictionary } from './words';

interface Props {
  /** The oldest first. */
  values: readonly number[];
  /** How a value is said. */
  said: (value: number) => string;
  width?: number;
  height?: number;
}

export function Sparkline({ values, said, width = 96, height = 24 }: Props) {
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  if (values.length < 2) return null;
  const most = Math.max(...values);
  const step = width / (values.length - 1);
  const y = (value: number) => height - 2 - (most > 0 ? value / most : 0) * (height - 4);
  const line = values.map((value, at) => `${(at * step).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return (
    <svg role="img" aria-label={words.sparkline(said(values.at(-1) ?? 0), said(most))} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      <polygon points={`0,${height} ${line} ${width},${height}`} fill={token.colorPrimaryBg} />
      <polyline points={line} fill="none" stroke={token.colorPrimary} strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
