import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import { CommandIDs } from '../commands';
import { Name } from '../components/name';
import { count, rate } from '../components/numbers';
import { Sparkline } from '../components/sparkline';
import type { IClusterModel, IFeed } from '../tokens';
import { FeedSection } from './section';

/** From how many topics on there is a filter line. */
const FILTER_FROM = 9;

/** The topics of the cluster with their rates. */
export class TopicsSection extends FeedSection {
  constructor(options: TopicsSection.IOptions) {
    super(options.feed, 'topics');
    this._options = options;
    this.id = 'headrace-topics';
    this.title.label = options.trans.__('Topics');
    this.addClass('jp-Headrace-section');
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._options.model.changed}>
        {() => <Topics {...this._options} />}
      </UseSignal>
    );
  }

  private _options: TopicsSection.IOptions;
}

/** What the section is made with. */
export namespace TopicsSection {
  export interface IOptions {
    commands: CommandRegistry;
    feed: IFeed;
    model: IClusterModel;
    trans: TranslationBundle;
  }
}

function Topics(props: TopicsSection.IOptions): React.JSX.Element | null {
  const { commands, model, trans } = props;
  const [filter, setFilter] = React.useState('');
  const { topics } = model;
  if (topics === null) {
    return null;
  }
  if (topics.length === 0) {
    return (
      <p className="jp-Headrace-empty">
        {trans.__('The cluster has no topics yet.')}
      </p>
    );
  }
  const wanted = filter.toLowerCase();
  const shown = topics.filter(({ name }) =>
    name.toLowerCase().includes(wanted)
  );
  return (
    <>
      {topics.length >= FILTER_FROM && (
        <input
          type="search"
          className="jp-Headrace-filter"
          aria-label={trans.__('Filter topics by name')}
          placeholder={trans.__('Filter by name')}
          value={filter}
          onChange={event => setFilter(event.target.value)}
        />
      )}
      <table className="jp-Headrace-topics">
        <thead>
          <tr>
            <th scope="col">{trans.__('Topic')}</th>
            <th scope="col" title={trans.__('Partitions')}>
              {trans.__('Part.')}
            </th>
            <th
              scope="col"
              className="jp-Headrace-held"
              title={trans.__(
                'Offsets held: records, and marks of transactions'
              )}
            >
              {trans.__('Records')}
            </th>
            <th scope="col">{trans.__('Rate')}</th>
            <th scope="col" className="jp-Headrace-spark">
              <span className="jp-Headrace-unseen">{trans.__('Course')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(topic => (
            <tr key={topic.name} data-topic={topic.name}>
              <td>
                <button
                  type="button"
                  className="jp-Headrace-link"
                  aria-label={topic.name}
                  title={trans.__('Newest records of %1', topic.name)}
                  onClick={() => {
                    void commands.execute(CommandIDs.showRecords, {
                      topic: topic.name
                    });
                  }}
                >
                  <Name text={topic.name} />
                </button>
              </td>
              <td>{count(topic.partitions)}</td>
              <td className="jp-Headrace-held">{count(topic.records)}</td>
              <td>{rate(topic.rate_per_s)}</td>
              <td className="jp-Headrace-spark">
                <Sparkline values={model.rates(topic.name)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
