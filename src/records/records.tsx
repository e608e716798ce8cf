import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IRecord } from '../api/types';
import { cell, moment } from '../components/numbers';
import { PolledView } from '../components/polled';

/** The newest records of a topic, newest first. */
export class RecordsView extends PolledView<IRecord[]> {
  constructor(
    readonly topic: string,
    private _records: () => Promise<IRecord[]>,
    trans: TranslationBundle
  ) {
    super(trans);
    this.addClass('jp-Headrace');
    this.addClass('jp-Headrace-records');
  }

  protected load(): Promise<IRecord[]> {
    return this._records();
  }

  protected draw(records: IRecord[]): React.JSX.Element {
    const { trans } = this;
    if (records.length === 0) {
      return (
        <p className="jp-Headrace-empty">
          {trans.__('%1 holds no records yet.', this.topic)}
        </p>
      );
    }
    return (
      <table
        className="jp-Headrace-table"
        aria-label={trans.__('Records of %1', this.topic)}
      >
        <thead>
          <tr>
            <th scope="col" title={trans.__('partition:offset')}>
              {trans.__('Record')}
            </th>
            <th scope="col">{trans.__('Time')}</th>
            <th scope="col">{trans.__('Key')}</th>
            <th scope="col">{trans.__('Value')}</th>
          </tr>
        </thead>
        <tbody>
          {records.map(record => (
            <tr key={`${record.partition}:${record.offset}`}>
              <th scope="row">
                {record.partition}:{record.offset}
              </th>
              <td className="jp-Headrace-number">{moment(record.timestamp)}</td>
              <Text value={record.key} />
              <Text value={record.value} />
            </tr>
          ))}
        </tbody>
      </table>
    );
  }
}

function Text(props: { value: unknown }): React.JSX.Element {
  const text = cell(props.value);
  return (
    <td
      className={props.value === null ? 'jp-Headrace-null' : undefined}
      title={text}
    >
      {text}
    </td>
  );
}
