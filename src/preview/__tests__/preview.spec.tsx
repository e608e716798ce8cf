import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';

import { RequestError } from '../../api/error';
import type { IPreview, IPreviewOutput } from '../../api/types';
import { CommandIDs } from '../../commands';
import type { IClient } from '../../tokens';
import { PreviewView } from '../view';

const HOSTILE = '<img src=x onerror="window.hostile=1"><b>bold</b>';
const trans = nullTranslator.load('headrace');

function output(equal: boolean | null = true): IPreviewOutput {
  return {
    id: '0a1b',
    stream: 'late',
    source: HOSTILE,
    sink: 'out',
    counts: { rows_in: 1500, rows_out: 2, filtered: 1, failed: 1 },
    verdict: { equal, reason: 'rolling sees only its own batch', splits: 3 },
    columns: {
      before: [
        ['a', 'int64'],
        ['b', 'str']
      ],
      after: [
        ['a', 'int64'],
        [HOSTILE, 'str']
      ],
      added: [HOSTILE],
      changed: [],
      removed: ['b']
    },
    sample: { partitions: [0, 1, 2], first: 0, last: 1000 }
  };
}

const preview = {
  id: '0a1b',
  columns: {
    before: [
      { name: 'a', dtype: 'int64', nulls: 0, histogram: [0, 3, 9] },
      { name: 'b', dtype: 'str', nulls: 0.25, histogram: [] }
    ],
    after: []
  },
  hidden: 7,
  untraced: [],
  verdict: {
    equal: true,
    reason: '',
    messages: ['`b` holds nulls.'],
    difference: {
      partition: 1,
      offset: 5120,
      column: 'mean_delay',
      whole: 12.5,
      split: 4,
      kind: 'value'
    }
  },
  rows: [
    row(0, 'kept', { after: [[1, HOSTILE]] }),
    row(1, 'kept', {
      after: [
        [2, 'x'],
        [2.123456789, 'y']
      ]
    }),
    row(2, 'filtered', {}),
    row(3, 'failed', { error: `ValueError: ${HOSTILE}`, line: 3 }),
    row(4, 'failed', { before: null, error: 'not JSON', raw: HOSTILE })
  ]
} as unknown as IPreview;

const edgy = {
  ...preview,
  rows: [
    row(0, 'kept', { after: [[1, 'x']], edge: 'start' }),
    row(1, 'kept', { after: [[2, 'y']], edge: null }),
    row(2, 'kept', { after: [[3, 'z']], edge: 'end' })
  ]
} as unknown as IPreview;

function row(offset: number, status: string, more: object): object {
  const before = [offset, null];
  const nothing = { after: null, error: null, line: null, raw: null };
  return { partition: 2, offset, before, status, ...nothing, ...more };
}

function show(
  answer: Promise<IPreview>,
  equal: boolean | null = true,
  limit = 100,
  edges?: IPreviewOutput['edges']
): { container: HTMLElement; executed: unknown[] } {
  const client = { preview: () => answer } as Partial<IClient> as IClient;
  const commands = new CommandRegistry();
  const executed: unknown[] = [];
  commands.addCommand(CommandIDs.commitStream, {
    execute: args => executed.push(args)
  });
  const { container } = render(
    <PreviewView
      client={client}
      commands={commands}
      limit={limit}
      output={{ ...output(equal), edges }}
      trans={trans}
    />
  );
  return { container, executed };
}

describe('PreviewView', () => {
  it('joins before and after row by row', async () => {
    show(Promise.resolve(preview));
    const before = await screen.findByRole('region', { name: 'Before' });
    const after = screen.getByRole('region', { name: 'After' });
    const texts = (pane: HTMLElement): (string | null)[] =>
      within(pane)
        .getAllByRole('row')
        .slice(1)
        .map(line => line.textContent);
    expect(texts(before)).toEqual([
      '2:00null',
      '2:11null',
      '',
      '2:22null',
      '2:33null',
      `2:4not decoded: ${HOSTILE}`
    ]);
    expect(texts(after)).toEqual([
      `1${HOSTILE}`,
      '2x',
      '2.123457y',
      'filtered',
      `failed in line 3: ValueError: ${HOSTILE}`,
      'failed: not JSON'
    ]);
    expect(screen.getByText('1,500 → 2: 1 filtered, 1 failed')).toBeTruthy();
    expect(screen.getByText(/partitions 0–2/)).toBeTruthy();
    expect(screen.getByText('`b` holds nulls.')).toBeTruthy();
  });

  it('shows how the values of a column are spread, and how many lack', async () => {
    show(Promise.resolve(preview));
    const before = await screen.findByRole('region', { name: 'Before' });
    const heads = within(before).getAllByRole('columnheader');
    expect(heads.map(head => head.textContent)).toEqual([
      'record',
      'a',
      '−b25 % null'
    ]);
    expect(heads.map(head => head.querySelectorAll('rect').length)).toEqual([
      0, 3, 0
    ]);
  });

  it('says what the edges of the sample leave open', async () => {
    const edges = { incomplete: 37, waiting: 0, open_windows: 1 };
    show(new Promise(() => undefined), true, 100, edges);
    const said = await screen.findByText(/37 rows have less history/);
    expect(said.textContent).toContain("1 window open at the sample's edges");
    expect(said.textContent).not.toContain('grace');
  });

  it('marks the rows that hang on an edge of the sample', async () => {
    const { container } = show(Promise.resolve(edgy));
    await screen.findByRole('region', { name: 'Before' });
    const marks = Array.from(container.querySelectorAll('tbody > tr')).map(
      line => (line as HTMLElement).dataset.edge ?? null
    );
    expect(marks).toEqual(['start', null, 'end', 'start', null, 'end']);
    const first = container.querySelector('[data-edge="start"]');
    expect(first?.getAttribute('title')).toMatch(/less history/);
  });

  it('shows text from Kafka as text only', async () => {
    const { container } = show(Promise.resolve(preview));
    await screen.findByRole('region', { name: 'Before' });
    expect(container.querySelector('img, b, script')).toBeNull();
    expect(container.textContent).toContain(HOSTILE);
    expect((window as { hostile?: number }).hostile).toBeUndefined();
  });

  it('says first what differs and where', async () => {
    const { container } = show(Promise.resolve(preview), false);
    await screen.findByText(
      'first at 1:5120, column mean_delay: 12.5 whole, 4 split'
    );
    const facts = container.querySelector('.jp-Headrace-facts');
    expect(facts?.firstElementChild?.textContent).toContain(
      'differs: rolling sees only its own batch'
    );
  });

  it('filters by what became of the rows, and caps them', async () => {
    show(Promise.resolve(preview), null, 2);
    fireEvent.click(await screen.findByRole('button', { name: 'failed 2' }));
    const after = screen.getByRole('region', { name: 'After' });
    expect(within(after).getAllByRole('row')).toHaveLength(3);
    fireEvent.click(screen.getByRole('button', { name: 'all 6' }));
    fireEvent.click(screen.getByRole('button', { name: 'Show all 6 rows' }));
    expect(within(after).getAllByRole('row')).toHaveLength(7);
    expect(screen.getByText('7 more records in the sample')).toBeTruthy();
  });

  it('keeps the facts when the values are gone', async () => {
    show(Promise.reject(new RequestError('No preview.', '', 404)));
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('no longer stored');
    expect(alert.textContent).toContain('Run the cell again');
    expect(screen.getByText('batch equals stream')).toBeTruthy();
  });

  it('commits its own stream', async () => {
    const { executed } = show(Promise.resolve(preview));
    fireEvent.click(screen.getByRole('button', { name: 'Commit' }));
    await screen.findByRole('region', { name: 'Before' });
    expect(executed).toEqual([{ stream: 'late' }]);
  });
});
