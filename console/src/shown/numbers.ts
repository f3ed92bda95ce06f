// Figures with their units, as short as they can be read.

const KIB = 1024;
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5 GiB` */
export function bytes(value: number): string {
  let size = value;
  let step = 0;
  while (size >= KIB && step < SIZES.length - 1) {
    size /= KIB;
    step += 1;
  }
  return `${step === 0 ? Math.round(size) : short(size)} ${SIZES[step]}`;
}

/** `12.3 MiB/s` */
export function byteRate(perSecond: number): string {
  return `${bytes(perSecond)}/s`;
}

/** `1,234,567` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `850`, `12.3k`, `4.56M`: where there is little room. */
export function brief(value: number): string {
  if (value < 1000) return short(value);
  if (value < 1_000_000) return `${short(value / 1000)}k`;
  if (value < 1_000_000_000) return `${short(value / 1_000_000)}M`;
  return `${short(value / 1_000_000_000)}G`;
}

/** `12.3k rows/s` */
export function rowRate(perSecond: number): string {
  return `${brief(perSecond)} rows/s`;
}

/** `35 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h` */
export function duration(seconds: number): string {
  if (seconds <= 0) return '0 s';
  if (seconds < 1) return `${short(seconds * 1000)} ms`;
  if (seconds < 60) return `${short(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return two(whole, 60, 'min', 1, 's');
  if (whole < 86_400) return two(whole, 3600, 'h', 60, 'min');
  return two(whole, 86_400, 'd', 3600, 'h');
}

/** A delay that is given in milliseconds. */
export function delay(milliseconds: number): string {
  return duration(milliseconds / 1000);
}

/** A moment in the reader's own time: `2026-03-01 03:14:07`. */
export function moment(rfc3339: string): string {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return rfc3339;
  const two = (part: number) => String(part).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Whole per cent, and never 100 before it is all. */
export function percent(done: number, all: number): number {
  if (all <= 0) return done > 0 ? 99 : 0;
  return Math.min(99, Math.floor((done / all) * 100));
}

function two(whole: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((whole % big) / small);
  const first = `${Math.floor(whole / big)} ${bigUnit}`;
  return rest === 0 ? first : `${first} ${rest} ${smallUnit}`;
}

function short(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
