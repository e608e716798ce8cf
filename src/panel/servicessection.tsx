import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { IClusterModel, IFeed } from '../tokens';
import { FeedSection } from './section';
import { ServiceItem } from './serviceitem';

/** The services of the cluster: state, rate, lag, latency. */
export class ServicesSection extends FeedSection {
  constructor(options: ServicesSection.IOptions) {
    super(options.feed, 'services');
    this._options = options;
    this.id = 'headrace-services';
    this.title.label = options.trans.__('Services');
    this.addClass('jp-Headrace-section');
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._options.model.changed}>
        {() => this._list()}
      </UseSignal>
    );
  }

  private _list(): React.JSX.Element | null {
    const { commands, model, trans } = this._options;
    if (model.services === null) {
      return null;
    }
    if (model.services.length === 0) {
      return (
        <p className="jp-Headrace-empty">
          {trans.__('Nothing is deployed. Commit a stream, then deploy it.')}
        </p>
      );
    }
    return (
      <ul className="jp-Headrace-list" aria-label={this.title.label}>
        {model.services.map(service => (
          <ServiceItem
            key={service.service}
            commands={commands}
            service={service}
            trans={trans}
          />
        ))}
      </ul>
    );
  }

  private _options: ServicesSection.IOptions;
}

/** What the section is made with. */
export namespace ServicesSection {
  export interface IOptions {
    commands: CommandRegistry;
    feed: IFeed;
    model: IClusterModel;
    trans: TranslationBundle;
  }
}
