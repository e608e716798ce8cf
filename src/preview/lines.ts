import type { IPreview, IPreviewRow, RowStatus } from '../api/types';

/** One line of the two panes: a record, or a further output of the record above. */
export interface ILine {
  /** `PARTITION:OFFSET`; empty for a further output and for untraced ones. */
  position: string;
  row: IPreviewRow | null;
  before: unknown[] | null;
  after: unknown[] | null;
  status: RowStatus;
}

/**
 * Lay out a preview in lines, so that both panes have the same ones.
 *
 * A record with several outputs takes several lines; a filtered or failed one
 * takes one, without values after. Outputs that cannot be traced to records
 * follow at the end.
 */
export function linesOf(preview: IPreview): ILine[] {
  const traced = preview.rows.flatMap((row): ILine[] => {
    const outputs = row.after?.length ? row.after : [null];
    return outputs.map((after, index) => ({
      position: index === 0 ? `${row.partition}:${row.offset}` : '',
      row: index === 0 ? row : null,
      before: index === 0 ? row.before : null,
      after,
      status: row.status
    }));
  });
  const untraced = preview.untraced.map((after): ILine => ({
    position: '',
    row: null,
    before: null,
    after,
    status: 'untraced'
  }));
  return [...traced, ...untraced];
}
