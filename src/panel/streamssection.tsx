import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import { Problem } from '../components/problem';
import type { IStreams } from '../tokens';
import { StreamItem } from './streamitem';

/** The streams of the notebook that was last in use. */
export class StreamsSection extends ReactWidget {
  constructor(options: StreamsSection.IOptions) {
    super();
    this._options = options;
    this.id = 'headrace-streams';
    this.addClass('jp-Headrace-section');
    options.model.changed.connect(this._setTitle, this);
    this._setTitle();
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._options.model.changed}>
        {() => this._list()}
      </UseSignal>
    );
  }

  private _list(): React.JSX.Element {
    const { commands, model, trans } = this._options;
    if (model.problem) {
      return <Problem problem={model.problem} trans={trans} />;
    }
    if (model.streams.length === 0) {
      return (
        <p className="jp-Headrace-empty">
          {model.notebook === null
            ? trans.__('Open a notebook to see its streams.')
            : trans.__(
                'No cell defines a stream yet. Begin one with %1.',
                '%%stream NAME --from TOPIC'
              )}
        </p>
      );
    }
    return (
      <ul className="jp-Headrace-list" aria-label={this.title.label}>
        {model.streams.map(stream => (
          <StreamItem
            key={stream.cell_id ?? stream.name}
            commands={commands}
            stream={stream}
            trans={trans}
          />
        ))}
      </ul>
    );
  }

  private _setTitle(): void {
    const { model, trans } = this._options;
    this.title.label =
      model.notebook === null
        ? trans.__('Streams')
        : trans.__('Streams in %1', PathExt.basename(model.notebook));
    this.title.caption = model.notebook ?? '';
  }

  private _options: StreamsSection.IOptions;
}

/** What the section is made with. */
export namespace StreamsSection {
  export interface IOptions {
    commands: CommandRegistry;
    model: IStreams;
    trans: TranslationBundle;
  }
}
