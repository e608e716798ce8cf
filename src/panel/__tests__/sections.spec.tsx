import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';

import type { IService, IStream } from '../../api/types';
import { CommandIDs } from '../../commands';
import { ServiceItem } from '../serviceitem';
import { StreamItem } from '../streamitem';

const HOSTILE = '<img src=x onerror="window.hostile=1">';
const trans = nullTranslator.load('headrace');

function recorder(...ids: string[]): {
  commands: CommandRegistry;
  executed: unknown[];
} {
  const commands = new CommandRegistry();
  const executed: unknown[] = [];
  ids.forEach(id =>
    commands.addCommand(id, { execute: args => executed.push([id, args]) })
  );
  return { commands, executed };
}

const stream: IStream = {
  name: 'late_flights',
  source: 'flights',
  sink: 'flights.late',
  cell_id: 'c',
  verdict: { equal: true, reason: '', suggestion: null },
  rows_in: 5000,
  rows_out: 463,
  failed: 3,
  preview_id: 'p',
  state: 'uncommitted',
  commit: null,
  error: null
};

const service: IService = {
  service: 'late_flights',
  commit: 'a1b2c3d4e5f6',
  state: 'running',
  replicas: 2,
  in_per_s: 1980.4,
  out_per_s: 5.25,
  lag: 0,
  p50_ms: 4,
  p95_ms: 11.6,
  p99_ms: 18.2,
  batch_records: 96.5,
  transaction_ms: 6.25,
  watermark_delay_s: null,
  remembered_rows: 0,
  remembered_bytes: 0,
  records_in: 336776,
  records_out: 328521,
  failed: 0,
  late: 0,
  restarts: 0,
  pids: [1, 2],
  source: 'flights',
  sink: 'flights.late',
  cluster: 'demo',
  deploy: 'd',
  deployed: '2026-11-22T10:00:00Z',
  message: ''
};

describe('StreamItem', () => {
  it('shows verdict and counts and offers to commit', () => {
    const { commands, executed } = recorder(CommandIDs.commitStream);
    const { container } = render(
      <StreamItem commands={commands} stream={stream} trans={trans} />
    );
    expect(container.textContent).toContain('batch equals stream');
    expect(container.textContent).toContain('5,000 → 463');
    expect(container.textContent).toContain('3 failed');
    const deploy = screen.getByRole('button', { name: 'Deploy' });
    expect((deploy as HTMLButtonElement).disabled).toBe(true);
    fireEvent.click(screen.getByRole('button', { name: 'Commit' }));
    expect(executed).toEqual([
      [CommandIDs.commitStream, { stream: 'late_flights' }]
    ]);
  });

  it('offers to deploy what is committed', () => {
    const { commands, executed } = recorder(CommandIDs.deployStream);
    render(
      <StreamItem
        commands={commands}
        stream={{ ...stream, state: 'committed', commit: 'a1b2c3d4e5' }}
        trans={trans}
      />
    );
    expect(screen.getByText('committed a1b2c3d')).toBeTruthy();
    const commit = screen.getByRole('button', { name: 'Commit' });
    expect((commit as HTMLButtonElement).disabled).toBe(true);
    fireEvent.click(screen.getByRole('button', { name: 'Deploy' }));
    expect(executed).toHaveLength(1);
  });

  it('writes a suggestion into the cell by one click', () => {
    const { commands, executed } = recorder(CommandIDs.applySuggestion);
    const suggestion = '--key origin --lookback 6h';
    const differs: IStream = {
      ...stream,
      verdict: { equal: false, reason: 'rolling', suggestion }
    };
    const { rerender } = render(
      <StreamItem commands={commands} stream={differs} trans={trans} />
    );
    expect(screen.getByText(suggestion).tagName).toBe('CODE');
    fireEvent.click(screen.getByRole('button', { name: 'Apply' }));
    expect(executed).toEqual([
      [
        CommandIDs.applySuggestion,
        { stream: 'late_flights', options: suggestion }
      ]
    ]);
    const changed: IStream = { ...differs, state: 'changed since preview' };
    rerender(<StreamItem commands={commands} stream={changed} trans={trans} />);
    expect(screen.queryByRole('button', { name: 'Apply' })).toBeNull();
  });

  it('shows names and errors as text', () => {
    const { container } = render(
      <StreamItem
        commands={recorder().commands}
        stream={{ ...stream, source: HOSTILE, error: HOSTILE }}
        trans={trans}
      />
    );
    expect(container.querySelector('img')).toBeNull();
    expect(screen.getByRole('alert').textContent).toBe(HOSTILE);
  });
});

function figuresOf(container: HTMLElement): unknown[] {
  return [...container.querySelectorAll('dl > div')].map(figure => [
    figure.querySelector('dt')?.textContent,
    figure.querySelector('dd')?.textContent
  ]);
}

describe('ServiceItem', () => {
  it('shows how far behind and how large a service is that remembers', () => {
    const { container } = render(
      <ServiceItem
        commands={recorder().commands}
        service={{
          ...service,
          watermark_delay_s: 5400,
          remembered_rows: 1200,
          remembered_bytes: 2_340_000,
          late: 3
        }}
        trans={trans}
      />
    );
    const figures = figuresOf(container);
    expect(figures).toContainEqual(['behind', '1 h']);
    expect(figures).toContainEqual(['kept', '2.3 MB']);
    expect(figures).toContainEqual(['late', '3']);
    expect(screen.getByTitle(/^1200 rows of lookbacks/)).toBeTruthy();
  });

  it('shows its figures with units', () => {
    const { container } = render(
      <ServiceItem
        commands={recorder().commands}
        service={service}
        trans={trans}
      />
    );
    expect(figuresOf(container)).toEqual([
      ['rate in', '1,980/s'],
      ['rate out', '5.3/s'],
      ['lag', '0'],
      ['p50', '4 ms'],
      ['p95', '12 ms'],
      ['p99', '18 ms'],
      ['commit', '6.3 ms'],
      ['batch', '97'],
      ['in', '336,776'],
      ['out', '328,521'],
      ['failed', '0']
    ]);
    expect(screen.getByText('running')).toBeTruthy();
    expect(screen.getByText('a1b2c3d')).toBeTruthy();
    expect(screen.getByText('×2')).toBeTruthy();
  });

  it.each([
    ['running', 'Stop late_flights', CommandIDs.stopService],
    ['degraded', 'Stop late_flights', CommandIDs.stopService],
    ['stopped', 'Start late_flights', CommandIDs.startService],
    ['failed', 'Start late_flights', CommandIDs.startService]
  ] as const)('%s: offers %p', (state, name, id) => {
    const { commands, executed } = recorder(id);
    render(
      <ServiceItem
        commands={commands}
        service={{ ...service, state, message: HOSTILE, lag: null }}
        trans={trans}
      />
    );
    fireEvent.click(screen.getByRole('button', { name }));
    expect(executed).toEqual([[id, { service: 'late_flights' }]]);
    expect(document.querySelector('img')).toBeNull();
  });
});
