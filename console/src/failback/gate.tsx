// The pair as two databases with a channel for each direction. At most one gate is open.
import { Grid, theme } from 'antd';
import { useWords } from '../words';
import './failback.css';
import { isRunning, openSide, type Pair, type Side, turningOf, waiting } from './pair';
import { dictionary } from './words';

type Leaf = 'up' | 'half' | 'down';

/** A gate is open if its direction has the right to write, half open while that is being moved. */
function leafOf(pair: Pair, side: Side): Leaf {
  const one = side === 'a' ? pair.forward : pair.reverse;
  if (!one?.may_write) return 'down';
  return turningOf(pair) ? 'half' : 'up';
}

export function GatePicture({ pair }: { pair: Pair }) {
  const words = useWords(dictionary);
  const { token } = theme.useToken();
  const open = openSide(pair);
  const said = words.picture(open, pair.forward.may_write ? 'a' : pair.reverse?.may_write ? 'b' : null);
  return (
    <svg className="gate" viewBox="0 0 720 196" role="img" aria-label={said} preserveAspectRatio="xMidYMid meet">
      <Channel pair={pair} side="a" y={78} />
      {pair.reverse && <Channel pair={pair} side="b" y={151} />}
      <Database x={70} letter="A" isOpen={open === 'a'} />
      <Database x={650} letter="B" isOpen={open === 'b'} />
      <Writer x={70} isOpen={open === 'a'} label={words.applications} />
      <Writer x={650} isOpen={open === 'b'} label={words.applications} />
      <line x1={130} x2={590} y1={184} y2={184} stroke={token.colorBorderSecondary} strokeWidth={2} />
    </svg>
  );
}

// On a small screen the picture is half as large; its words are not.
function useTextSize(): number {
  return Grid.useBreakpoint().sm ? 14 : 22;
}

function Database({ x, letter, isOpen }: { x: number; letter: string; isOpen: boolean }) {
  const { token } = theme.useToken();
  const stroke = isOpen ? token.colorSuccess : token.colorTextQuaternary;
  const fill = isOpen ? token.colorSuccessBg : token.colorFillQuaternary;
  return (
    <g stroke={stroke} strokeWidth={2.5} fill={fill}>
      <path d={`M${x - 54} 66 v100 a54 14 0 0 0 108 0 v-100`} />
      <ellipse cx={x} cy={66} rx={54} ry={14} />
      <text x={x} y={136} textAnchor="middle" fontSize={38} fontWeight={600} stroke="none" fill={token.colorText}>
        {letter}
      </text>
    </g>
  );
}

// Applications above a database: an arrow if they can write, a bar if they cannot.
function Writer({ x, isOpen, label }: { x: number; isOpen: boolean; label: string }) {
  const { token } = theme.useToken();
  const size = useTextSize();
  const colour = isOpen ? token.colorSuccess : token.colorTextQuaternary;
  return (
    <g className="writer" stroke={colour} strokeWidth={2.5} fill="none">
      <text x={x} y={15} textAnchor="middle" fontSize={size} stroke="none" fill={isOpen ? token.colorText : token.colorTextSecondary}>
        {label}
      </text>
      {isOpen ? (
        <path d={`M${x} 22 v24 m-7 -9 l7 9 l7 -9`} />
      ) : (
        <>
          <path d={`M${x} 22 v10`} strokeDasharray="3 3" />
          <path d={`M${x - 16} 38 h32`} strokeWidth={4} />
        </>
      )}
    </g>
  );
}

function Channel({ pair, side, y }: { pair: Pair; side: Side; y: number }) {
  const { token } = theme.useToken();
  const words = useWords(dictionary);
  const one = side === 'a' ? pair.forward : pair.reverse;
  if (!one) return null;
  const leaf = leafOf(pair, side);
  const moves = leaf !== 'down' && isRunning(one);
  const colour = leaf === 'down' ? token.colorTextQuaternary : one.status === 'Failed' ? token.colorError : token.colorPrimary;
  const [from, to] = side === 'a' ? [130, 590] : [590, 130];
  const way = Math.sign(to - from);
  const left = waiting(one);
  const size = useTextSize();
  return (
    <g>
      <rect x={130} y={y - 17} width={460} height={34} fill={leaf === 'down' ? token.colorFillQuaternary : token.colorPrimaryBg} />
      <line className={`flow${moves ? ' moves' : ''}`} x1={from + way * 8} x2={leaf === 'down' ? 360 - way * 26 : to - way * 14} y1={y} y2={y} stroke={colour} strokeWidth={4} />
      {leaf !== 'down' && <path d={`M${to - way * 20} ${y - 8} L${to - way * 6} ${y} L${to - way * 20} ${y + 8}`} fill="none" stroke={colour} strokeWidth={3.5} />}
      <rect className={`leaf ${leaf === 'down' ? '' : leaf}`} x={352} y={y - 19} width={16} height={38} rx={2} fill={leaf === 'down' ? token.colorTextTertiary : colour} />
      <path d={`M346 ${y - 19} v38 M374 ${y - 19} v38`} stroke={token.colorTextQuaternary} strokeWidth={3} />
      {leaf === 'down' && left !== null && left > 0 && (
        <text x={360 - way * 116} y={y - 22} textAnchor="middle" fontSize={size} fill={token.colorTextSecondary}>
          {words.waitsHere(left)}
        </text>
      )}
    </g>
  );
}
