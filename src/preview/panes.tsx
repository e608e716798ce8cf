import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Column, IPreview, IPreviewOutput } from '../api/types';
import { cell, share, shortCell } from '../components/numbers';
import { Sparkline } from '../components/sparkline';
import type { ILine } from './lines';

/** What both panes are drawn from. */
export interface IPanesProps {
  columns: IPreviewOutput['columns'];
  /** What is in the columns over the whole sample; the notebook's output has no values and so none of it. */
  figures?: IPreview['columns'];
  lines: ILine[];
  /** Run the cell on a record; without it, records are not to be clicked. */
  onRecord?: (record: string) => void;
  trans: TranslationBundle;
}

/**
 * Before and after side by side, line by line the same records.
 *
 * Each pane scrolls sideways on its own and both scroll down together; the line
 * under the pointer is marked in both.
 */
export function Panes(props: IPanesProps): React.JSX.Element {
  const { columns, figures, lines, onRecord, trans } = props;
  const root = React.useRef<HTMLDivElement>(null);
  const panes = (): HTMLElement[] =>
    Array.from(root.current?.querySelectorAll('.jp-Headrace-pane') ?? []);
  React.useLayoutEffect(() => showTouched(root.current), [columns]);
  const scroll = (event: React.UIEvent<HTMLElement>): void => {
    const { scrollTop } = event.currentTarget;
    panes().forEach(pane => {
      if (pane.scrollTop !== scrollTop) {
        pane.scrollTop = scrollTop;
      }
    });
  };
  const mark = (event: React.MouseEvent): void => {
    const line = (event.target as Element).closest<HTMLElement>('[data-line]');
    root.current?.querySelectorAll<HTMLElement>('[data-line]').forEach(row => {
      const same = line !== null && row.dataset.line === line.dataset.line;
      row.classList.toggle('jp-mod-pointed', same);
    });
  };
  return (
    <div
      ref={root}
      className="jp-Headrace-panes"
      onMouseOver={mark}
      onMouseLeave={mark}
    >
      <Pane label={trans.__('Before')} side="before" onScroll={scroll}>
        <Head
          columns={columns.before}
          figures={figures?.before ?? []}
          trans={trans}
          marks={new Map(columns.removed.map(name => [name, '−']))}
          first={trans.__('record')}
          titles={new Map([['−', trans.__('removed by the cell')]])}
        />
        <tbody>
          {lines.map((line, index) => (
            <tr
              key={index}
              data-line={index}
              data-status={line.status}
              data-edge={line.row?.edge ?? undefined}
              title={edgeText(line, trans)}
            >
              <th scope="row">
                <Place line={line} onRecord={onRecord} trans={trans} />
              </th>
              <Before line={line} columns={columns.before} trans={trans} />
            </tr>
          ))}
        </tbody>
      </Pane>
      <Pane label={trans.__('After')} side="after" onScroll={scroll}>
        <Head
          columns={columns.after}
          figures={figures?.after ?? []}
          trans={trans}
          marks={
            new Map([
              ...columns.added.map((name): [string, string] => [name, '+']),
              ...columns.changed.map((name): [string, string] => [name, '~'])
            ])
          }
          titles={
            new Map([
              ['+', trans.__('added by the cell')],
              ['~', trans.__('changed by the cell')]
            ])
          }
        />
        <tbody>
          {lines.map((line, index) => (
            <tr
              key={index}
              data-line={index}
              data-status={line.status}
              data-edge={line.row?.edge ?? undefined}
              title={edgeText(line, trans)}
            >
              <After line={line} columns={columns.after} trans={trans} />
            </tr>
          ))}
        </tbody>
      </Pane>
    </div>
  );
}

/** A record's place, to be clicked where the cell can run on it. */
function Place(props: {
  line: ILine;
  onRecord?: (record: string) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { line, onRecord, trans } = props;
  return line.position === '' || onRecord === undefined ? (
    <>{line.position}</>
  ) : (
    <button
      type="button"
      className="jp-Headrace-link"
      title={trans.__('Run the cell on record %1, below it', line.position)}
      onClick={() => onRecord(line.position)}
    >
      {line.position}
    </button>
  );
}

/** One side under its heading. */
function Pane(
  props: React.PropsWithChildren<{
    label: string;
    side: 'before' | 'after';
    onScroll: React.UIEventHandler<HTMLElement>;
  }>
): React.JSX.Element {
  return (
    <div className="jp-Headrace-side">
      <div className="jp-Headrace-sideName" aria-hidden="true">
        {props.label}
      </div>
      <div
        className={`jp-Headrace-pane jp-mod-${props.side}`}
        role="region"
        aria-label={props.label}
        tabIndex={0}
        onScroll={props.onScroll}
      >
        <table>{props.children}</table>
      </div>
    </div>
  );
}

/** Scroll the pane after sideways to the last column that the cell added or changed. */
function showTouched(root: HTMLElement | null): void {
  const pane = root?.querySelector<HTMLElement>('.jp-mod-after');
  const touched = pane?.querySelectorAll<HTMLElement>('.jp-mod-touched');
  const last = touched?.[touched.length - 1];
  if (pane && last) {
    pane.scrollLeft = last.offsetLeft + last.offsetWidth - pane.clientWidth;
  }
}

function Head(props: {
  columns: Column[];
  figures: IPreview['columns']['before'];
  trans: TranslationBundle;
  marks: Map<string, string>;
  titles: Map<string, string>;
  first?: string;
}): React.JSX.Element {
  const { columns, figures, marks, titles, trans, first } = props;
  const known = new Map(figures.map(figure => [figure.name, figure]));
  return (
    <thead>
      <tr>
        {first !== undefined && <th scope="col">{first}</th>}
        {columns.map(([name, dtype]) => {
          const mark = marks.get(name);
          const what = mark === undefined ? '' : ` · ${titles.get(mark)}`;
          return (
            <th
              key={name}
              scope="col"
              title={`${name}: ${dtype}${what}`}
              className={mark === undefined ? undefined : 'jp-mod-touched'}
            >
              {mark}
              {name}
              <Figures figure={known.get(name)} trans={trans} />
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

/** How a column's values are spread, and how many are missing; nothing where nothing is known. */
function Figures(props: {
  figure: IPreview['columns']['before'][number] | undefined;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { figure, trans } = props;
  const missing = figure?.nulls ?? 0;
  if (!figure || (figure.histogram.length === 0 && missing === 0)) {
    return null;
  }
  return (
    <span className="jp-Headrace-columnFigures">
      {figure.histogram.length > 0 && <Sparkline values={figure.histogram} />}
      {missing > 0 && (
        <span
          className="jp-Headrace-quiet"
          title={trans.__('%1 of the sample are null', share(missing))}
        >
          {trans.__('%1 null', share(missing))}
        </span>
      )}
    </span>
  );
}

interface ILineProps {
  line: ILine;
  columns: Column[];
  trans: TranslationBundle;
}

function Before(props: ILineProps): React.JSX.Element {
  const { line, columns, trans } = props;
  if (line.before !== null) {
    return <Values values={line.before} />;
  }
  const raw = line.row?.raw ?? '';
  return (
    <td
      colSpan={Math.max(columns.length, 1)}
      className="jp-Headrace-note"
      title={raw || undefined}
    >
      {line.row === null ? '' : trans.__('not decoded: %1', raw)}
    </td>
  );
}

function After(props: ILineProps): React.JSX.Element {
  const { line, columns, trans } = props;
  if (line.after !== null) {
    return <Values values={line.after} />;
  }
  const text = outcome(line, trans);
  return (
    <td
      colSpan={Math.max(columns.length, 1)}
      className="jp-Headrace-note"
      title={text}
    >
      {text}
    </td>
  );
}

/** What a line says of the sample's edge that its record hangs on. */
function edgeText(line: ILine, trans: TranslationBundle): string | undefined {
  switch (line.row?.edge) {
    case 'start':
      return trans.__('This record has less history than in the service.');
    case 'end':
      return trans.__('A record that comes later may belong before this one.');
    default:
      return undefined;
  }
}

function outcome(line: ILine, trans: TranslationBundle): string {
  if (line.status === 'filtered') {
    return trans.__('filtered');
  }
  if (line.status !== 'failed') {
    return '';
  }
  const error = line.row?.error ?? '';
  const number = line.row?.line ?? null;
  return number === null
    ? trans.__('failed: %1', error)
    : trans.__('failed in line %1: %2', number, error);
}

function Values(props: { values: unknown[] }): React.JSX.Element {
  return (
    <>
      {props.values.map((value, index) => {
        const text = cell(value);
        const kind =
          value === null || value === undefined
            ? 'jp-Headrace-null'
            : typeof value === 'number'
              ? 'jp-Headrace-number'
              : undefined;
        return (
          <td key={index} className={kind} title={text}>
            {shortCell(value)}
          </td>
        );
      })}
    </>
  );
}
