// Curves over time, drawn on a canvas.
import { theme } from 'antd';
import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useScheme } from '../theme';

const HEIGHT = 220;

export interface Curve {
  label: string;
  color: string;
  side: 'left' | 'right';
  /** How a value is said. */
  said: (value: number) => string;
  values: (number | null)[];
}

interface Props {
  title: string;
  /** Unix seconds. */
  times: number[];
  curves: Curve[];
}

export default function Chart({ title, times, curves }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<UPlot | null>(null);
  const { token } = theme.useToken();
  const { isDark } = useScheme();
  const data: UPlot.AlignedData = [times, ...curves.map((curve) => curve.values)];
  const latest = useRef(data);
  latest.current = data;
  // It is made anew only when its look changes; new points are given to the one that is there.
  const look = JSON.stringify([isDark, curves.map(({ label, color, side }) => [label, color, side])]);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const chart = new UPlot(optionsOf(element.clientWidth, curves, token.colorTextSecondary, token.colorBorderSecondary), latest.current, element);
    drawn.current = chart;
    const watch = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      chart.destroy();
      drawn.current = null;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `look` says all of it that matters here.
  }, [look]);
  useEffect(() => {
    drawn.current?.setData(latest.current);
  }, [times]);
  const said = curves.map((curve) => `${curve.label} ${lastOf(curve)}`).join(', ');
  return (
    <>
      <div ref={box} role="img" aria-label={`${title}: ${said}`} />
      <ul className="legend">
        {curves.map((curve) => (
          <li key={curve.label}>
            <svg width="12" height="12" aria-hidden>
              <rect y="4" width="12" height="4" fill={curve.color} />
            </svg>
            {curve.label} <strong>{lastOf(curve)}</strong>
          </li>
        ))}
      </ul>
    </>
  );
}

function lastOf(curve: Curve): string {
  const value = curve.values.findLast((one) => one !== null);
  return value == null ? '—' : curve.said(value);
}

function optionsOf(width: number, curves: Curve[], ink: string, line: string): UPlot.Options {
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const left = curves.find((curve) => curve.side === 'left');
  const right = curves.find((curve) => curve.side === 'right');
  const values = (curve: Curve) => (_: UPlot, splits: number[]) => splits.map(curve.said);
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false },
    scales: { left: { range: fromZero }, right: { range: fromZero } },
    axes: [
      { ...axis, values: [[3600, '{HH}:{mm}', null, null, null, null, null, null, 1], [60, '{HH}:{mm}', null, null, null, null, null, null, 1], [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]] },
      ...(left ? [{ ...axis, scale: 'left', size: 64, values: values(left) }] : []),
      ...(right ? [{ ...axis, grid: { show: false }, scale: 'right', side: 1 as const, size: 78, values: values(right) }] : []),
    ],
    series: [{}, ...curves.map((curve) => ({ label: curve.label, stroke: curve.color, width: 1.5, scale: curve.side, points: { show: false } }))],
  };
}

function fromZero(_: UPlot, __: number, most: number): [number, number] {
  return [0, most > 0 ? most * 1.1 : 1];
}
