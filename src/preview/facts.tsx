import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { IPreview, IPreviewOutput } from '../api/types';
import { Name } from '../components/name';
import { cell, count, timeOfDay } from '../components/numbers';
import { Suggestion } from '../components/suggestion';
import { Verdict } from '../components/verdict';

/** What the saved output says without its values; where batch and stream differ, that first. */
export function Facts(
  props: React.PropsWithChildren<{
    commands: CommandRegistry;
    output: IPreviewOutput;
    preview: IPreview | null;
    trans: TranslationBundle;
  }>
): React.JSX.Element {
  const { children, commands, output, preview, trans } = props;
  const differs = output.verdict.equal === false;
  const source = <Source output={output} trans={trans} />;
  const verdict = (
    <div className="jp-Headrace-row jp-Headrace-wrap">
      <Verdict verdict={output.verdict} trans={trans} />
      {output.verdict.splits !== undefined && (
        <span className="jp-Headrace-quiet">
          {trans._n(
            '(%1 split, %2 s)',
            '(%1 splits, %2 s)',
            output.verdict.splits,
            (output.verdict.seconds ?? 0).toFixed(1)
          )}
        </span>
      )}
      <span className="jp-Headrace-counts">{countsText(output, trans)}</span>
      <Changes columns={output.columns} trans={trans} />
      <span className="jp-Headrace-buttons">{children}</span>
    </div>
  );
  return (
    <header className="jp-Headrace-facts">
      {differs ? verdict : source}
      {preview?.verdict.difference && (
        <div className="jp-Headrace-difference">
          {differenceText(preview.verdict.difference, trans)}
        </div>
      )}
      <Suggestion
        commands={commands}
        stream={output.stream}
        verdict={output.verdict}
        trans={trans}
      />
      {differs ? source : verdict}
      {preview?.verdict.rewrite && (
        <details className="jp-Headrace-rewrite">
          <summary>{trans.__('Rewritten, both agree (tried)')}</summary>
          <pre>{preview.verdict.rewrite}</pre>
        </details>
      )}
      {preview === null && <Edges output={output} trans={trans} />}
      {preview?.verdict.messages.map((message, index) => (
        <div key={index} className="jp-Headrace-quiet">
          {message}
        </div>
      ))}
    </header>
  );
}

/** What the sample's edges leave open, counted; the stored preview says it in sentences. */
function Edges(props: {
  output: IPreviewOutput;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { output, trans } = props;
  const { incomplete = 0, waiting = 0, open_windows = 0 } = output.edges ?? {};
  const parts: [number, string][] = [
    [
      incomplete,
      trans._n(
        '%1 row has less history than in the service',
        '%1 rows have less history than in the service',
        incomplete
      )
    ],
    [
      waiting,
      trans._n(
        '%1 row still within the grace',
        '%1 rows still within the grace',
        waiting
      )
    ],
    [
      open_windows,
      trans._n(
        "%1 window open at the sample's edges, not shown",
        "%1 windows open at the sample's edges, not shown",
        open_windows
      )
    ]
  ];
  const said = parts.filter(([size]) => size > 0).map(([, text]) => text);
  return said.length === 0 ? null : (
    <div className="jp-Headrace-edges">{said.join(' · ')}</div>
  );
}

function Source(props: {
  output: IPreviewOutput;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { output, trans } = props;
  return (
    <div className="jp-Headrace-row jp-Headrace-wrap">
      <Name text={output.stream} className="jp-Headrace-strong" />
      <Name text={`${output.source} → ${output.sink ?? trans.__('no sink')}`} />
      <span className="jp-Headrace-quiet">{sampleText(output, trans)}</span>
    </div>
  );
}

function Changes(props: {
  columns: IPreviewOutput['columns'];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { columns, trans } = props;
  const text = [
    ...columns.added.map(name => `+${name}`),
    ...columns.changed.map(name => `~${name}`),
    ...columns.removed.map(name => `−${name}`)
  ].join('  ');
  return (
    <span
      className="jp-Headrace-changes jp-Headrace-cut"
      title={trans.__('Columns added +, changed ~, removed −: %1', text)}
    >
      {text}
    </span>
  );
}

function countsText(output: IPreviewOutput, trans: TranslationBundle): string {
  const { rows_in, rows_out, filtered, failed } = output.counts;
  const rows = `${count(rows_in)} → ${count(rows_out)}`;
  return filtered === null
    ? trans.__('%1: %2 failed', rows, count(failed))
    : trans.__(
        '%1: %2 filtered, %3 failed',
        rows,
        count(filtered),
        count(failed)
      );
}

function sampleText(output: IPreviewOutput, trans: TranslationBundle): string {
  const { counts, sample } = output;
  const parts = [trans._n('%1 record', '%1 records', counts.rows_in)];
  if (sample.partitions.length > 0) {
    parts.push(partitionsText(sample.partitions, trans));
  }
  if (sample.first !== null && sample.last !== null) {
    parts.push(
      trans.__('%1 to %2', timeOfDay(sample.first), timeOfDay(sample.last))
    );
  }
  return [...parts, trans.__('read-only, no group')].join(', ');
}

function partitionsText(
  partitions: number[],
  trans: TranslationBundle
): string {
  const sorted = [...partitions].sort((a, b) => a - b);
  const first = sorted[0];
  const last = sorted[sorted.length - 1];
  if (sorted.length === 1) {
    return trans.__('partition %1', first);
  }
  return last - first === sorted.length - 1
    ? trans.__('partitions %1–%2', first, last)
    : trans.__('partitions %1', sorted.join(', '));
}

function differenceText(
  difference: NonNullable<IPreview['verdict']['difference']>,
  trans: TranslationBundle
): string {
  const { partition, offset, column, whole, split } = difference;
  const where = `${partition}:${offset}`;
  return column === null
    ? trans.__(
        'first at %1: %2 whole, %3 split',
        where,
        cell(whole),
        cell(split)
      )
    : trans.__(
        'first at %1, column %2: %3 whole, %4 split',
        where,
        column,
        cell(whole),
        cell(split)
      );
}
