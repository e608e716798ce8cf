import {
  bytes,
  cell,
  count,
  milliseconds,
  moment,
  rate,
  share,
  shortCell,
  span,
  UNKNOWN
} from '../numbers';

describe('figures', () => {
  it('says when it does not know', () => {
    expect([
      count(null),
      rate(undefined),
      milliseconds(null),
      span(null),
      bytes(undefined)
    ]).toEqual([UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]);
  });

  it('keeps units and precision apart', () => {
    expect([0, 0.001, 0.073, 0.999, 1].map(share)).toEqual([
      '0 %',
      '<1 %',
      '7 %',
      '>99 %',
      '100 %'
    ]);
    expect(rate(0)).toBe('0/s');
    expect(rate(1980.6)).toBe('1,981/s');
    expect(milliseconds(0.42)).toBe('0.4 ms');
    expect(milliseconds(88_000)).toBe('88 s');
    expect([0, 59.9, 60, 7200, 200_000].map(span)).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '2 h',
      '2 d'
    ]);
    expect([0, 999, 1500, 2_340_000, 12e9].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1.5 kB',
      '2.3 MB',
      '12 GB'
    ]);
    expect(shortCell(237.77777777)).toBe('237.7778');
    expect(shortCell(123456789)).toBe('123456789');
  });

  it('writes any value on one line', () => {
    expect(cell({ a: [null, 'x'] })).toBe('{"a":[null,"x"]}');
    expect(cell(null)).toBe('null');
    expect(cell('')).toBe('');
  });

  it('leaves a time alone that is none', () => {
    expect(moment('soon')).toBe('soon');
    expect(moment('2026-11-22T10:00:00.000000Z')).toMatch(
      /^2026-11-2\d \d\d:\d\d:00\.000$/
    );
  });
});
