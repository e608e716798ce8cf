/** What stands where a figure is not known. */
export const UNKNOWN = '–';

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

const SPANS: [string, number][] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60]
];
const SIZES: [string, number][] = [
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3]
];

/** A count with thousands separators, e.g. `336,776`. */
export function count(value: number | null | undefined): string {
  return typeof value === 'number' ? WHOLE.format(value) : UNKNOWN;
}

/** A share in percent, e.g. `7 %`; a little is never shown as nothing, nor nearly all as all. */
export function share(value: number): string {
  if (value > 0 && value < 0.01) {
    return '<1 %';
  }
  if (value > 0.99 && value < 1) {
    return '>99 %';
  }
  return `${WHOLE.format(value * 100)} %`;
}

/** Records per second, e.g. `1,980/s`; tenths below ten. */
export function rate(value: number | null | undefined): string {
  if (typeof value !== 'number') {
    return UNKNOWN;
  }
  return `${(value < 10 ? TENTHS : WHOLE).format(value)}/s`;
}

/** A latency in milliseconds, e.g. `18 ms`, from ten seconds on in seconds. */
export function milliseconds(value: number | null | undefined): string {
  if (typeof value !== 'number') {
    return UNKNOWN;
  }
  return value < 10_000
    ? `${(value < 10 ? TENTHS : WHOLE).format(value)} ms`
    : `${WHOLE.format(value / 1000)} s`;
}

/** A length of time in its largest unit, e.g. `45 s`, `12 min`, `5 h`, `9 d`. */
export function span(seconds: number | null | undefined): string {
  if (typeof seconds !== 'number') {
    return UNKNOWN;
  }
  const [unit, size] = SPANS.find(
    ([, least]) => Math.abs(seconds) >= least
  ) ?? ['s', 1];
  return `${WHOLE.format(Math.trunc(seconds / size))} ${unit}`;
}

/** A size in its largest decimal unit, e.g. `900 B`, `1.5 MB`. */
export function bytes(size: number | null | undefined): string {
  if (typeof size !== 'number') {
    return UNKNOWN;
  }
  const [unit, step] = SIZES.find(([, least]) => size >= least) ?? ['B', 1];
  const value = size / step;
  return `${(value < 10 ? TENTHS : WHOLE).format(value)} ${unit}`;
}

/** The first seven digits of a commit. */
export function shortCommit(commit: string | null | undefined): string {
  return commit ? commit.slice(0, 7) : UNKNOWN;
}

/** A record's timestamp as local date and time with milliseconds. */
export function moment(value: number | string | null | undefined): string {
  if (value === null || value === undefined) {
    return UNKNOWN;
  }
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) {
    return String(value);
  }
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().replace('T', ' ').replace('Z', '');
}

/** The local time of day of a timestamp, to the second. */
export function timeOfDay(value: number | string | null | undefined): string {
  const text = moment(value);
  return text.length === 23 ? text.slice(11, 19) : text;
}

/** A decoded value as a table shows it: numbers to seven significant digits. */
export function shortCell(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value)
    ? String(Number(value.toPrecision(7)))
    : cell(value);
}

/** Any decoded value as one line of text, in full. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) {
    return 'null';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
