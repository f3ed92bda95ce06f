// A long table: only the rows that can be seen are there, and only they need be loaded.
import { Empty, Spin, theme } from 'antd';
import { type CSSProperties, type ReactNode, type RefObject, type UIEvent, memo, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useWords } from '../words';
import { dictionary } from './words';

export interface Column<Row> {
  key: string;
  title: ReactNode;
  /** A width of CSS grid: `120px`, `minmax(160px, 2fr)`. */
  width: string;
  align?: 'end';
  /** How the rows are sorted by it, if they are. */
  sorted?: 'ascending' | 'descending';
  cell: (row: Row, at: number) => ReactNode;
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  /** One that was not loaded yet is undefined. */
  rows: readonly (Row | undefined)[];
  rowKey: (row: Row, at: number) => string;
  /** All have the same height, so that it is known where each stands. */
  rowHeight: number;
  /** Below this width it is scrolled sideways. */
  minWidth?: number;
  /** The most it takes; it is smaller if there are few. Without it, what the window has left. */
  height?: number;
  /** Names what the rows are a part of: if that changes, it begins at the top again. */
  of?: string;
  isLoading?: boolean;
  isSelected?: (row: Row) => boolean;
  /** Which rows can be seen now. */
  onSeen?: (first: number, last: number) => void;
  empty?: ReactNode;
}

const OVERSCAN = 5;
/** Who loads rows is told of so many at a time, so that a page is not drawn anew with each line. */
const TOLD = 50;
const HEAD = 38;
const LEAST = 260;
/** What stays free below: the page's own edge, and the bar for several at once. */
const BELOW = 64;

export function Rows<Row>(props: Props<Row>) {
  const { label, columns, rows, rowKey, rowHeight, minWidth = 0, isLoading, onSeen } = props;
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  const box = useRef<HTMLDivElement>(null);
  const most = useRoom(box, props.height);
  // In whole rows: less than one row of scrolling draws nothing anew.
  const [top, setTop] = useState(0);
  const first = Math.max(0, top - OVERSCAN);
  const last = Math.min(rows.length, top + Math.ceil(most / rowHeight) + OVERSCAN);
  useLayoutEffect(() => {
    // Newer browsers answer with a promise, which React would take for a way to clean up.
    void box.current?.scrollTo({ top: 0 });
  }, [props.of]);
  const from = Math.floor(first / TOLD) * TOLD;
  const to = Math.ceil(last / TOLD) * TOLD;
  useEffect(() => {
    onSeen?.(from, to);
  }, [from, to, onSeen]);
  const scrolled = (event: UIEvent<HTMLDivElement>) => setTop(Math.floor(event.currentTarget.scrollTop / rowHeight));
  const line = lineStyle(columns, minWidth, token.colorBorderSecondary);
  if (rows.length === 0) return <div style={{ padding: 24 }}>{isLoading ? <Spin /> : (props.empty ?? <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={words.nothing} />)}</div>;
  return (
    <div ref={box} onScroll={scrolled} role="region" aria-label={label} tabIndex={0} style={{ overflow: 'auto', maxHeight: most, background: token.colorBgContainer, border: `1px solid ${token.colorBorderSecondary}` }}>
      <div role="table" aria-label={label} aria-rowcount={rows.length + 1} style={{ minWidth }}>
        <div role="rowgroup" style={{ position: 'sticky', top: 0, zIndex: 2 }}>
          <div role="row" aria-rowindex={1} style={{ ...line, minHeight: HEAD, background: token.colorBgElevated, fontWeight: 600 }}>
            {columns.map((column) => (
              <div key={column.key} role="columnheader" aria-sort={column.sorted} style={cellStyle(column.align)}>
                {column.title}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" style={{ height: rows.length * rowHeight, position: 'relative' }}>
          {rows.slice(first, last).map((row, offset) => {
            const at = first + offset;
            return <Line key={row === undefined ? at : rowKey(row, at)} row={row} at={at} columns={columns as Column<unknown>[]} rowHeight={rowHeight} minWidth={minWidth} isSelected={row !== undefined && !!props.isSelected?.(row)} />;
          })}
        </div>
      </div>
      {isLoading && <Spin style={{ display: 'block', margin: 12 }} />}
    </div>
  );
}

interface LineProps {
  row: unknown;
  at: number;
  columns: Column<unknown>[];
  rowHeight: number;
  minWidth: number;
  isSelected: boolean;
}

// A line that was there before is not drawn anew as others come into sight.
const Line = memo(function Line({ row, at, columns, rowHeight, minWidth, isSelected }: LineProps) {
  const { token } = theme.useToken();
  const style: CSSProperties = {
    ...lineStyle(columns, minWidth, token.colorBorderSecondary),
    position: 'absolute',
    insetInline: 0,
    top: at * rowHeight,
    height: rowHeight,
    background: isSelected ? token.controlItemBgActive : undefined,
  };
  return (
    <div role="row" aria-rowindex={at + 2} style={style}>
      {columns.map((column) => (
        <div key={column.key} role="cell" style={cellStyle(column.align)}>
          {row === undefined ? '…' : column.cell(row, at)}
        </div>
      ))}
    </div>
  );
});

function lineStyle(columns: readonly { width: string }[], minWidth: number, border: string): CSSProperties {
  return { display: 'grid', alignItems: 'center', gridTemplateColumns: columns.map((column) => column.width).join(' '), minWidth, borderBottom: `1px solid ${border}` };
}

function cellStyle(align?: 'end'): CSSProperties {
  return { padding: '0 8px', minWidth: 0, overflow: 'hidden', textAlign: align };
}

/** What the window has left below the box. */
function useRoom(box: RefObject<HTMLElement | null>, given: number | undefined): number {
  const [room, setRoom] = useState(given ?? LEAST);
  // After each drawing, since what stands above may have grown.
  useLayoutEffect(() => {
    const measure = () => {
      const begins = (box.current?.getBoundingClientRect().top ?? 0) + window.scrollY;
      setRoom(given ?? Math.max(LEAST, window.innerHeight - begins - BELOW));
    };
    measure();
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  });
  return room;
}
