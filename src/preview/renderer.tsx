import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { IPreviewOutput } from '../api/types';
import { Problem } from '../components/problem';
import type { IClient } from '../tokens';
import { PreviewView } from './view';

/** The MIME type of a preview in a cell's output. */
export const PREVIEW_MIME = 'application/vnd.headrace.preview+json';

/** Renders before and after under a stream's cell. */
export class RenderedPreview
  extends ReactWidget
  implements IRenderMime.IRenderer
{
  constructor(options: RenderedPreview.IOptions) {
    super();
    this._options = options;
    this.addClass('jp-Headrace');
    this.addClass('jp-Headrace-rendered');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const data = model.data[PREVIEW_MIME];
    this._output = isOutput(data) ? data : null;
    this._broken = this._output === null;
    this.update();
    await this.renderPromise;
  }

  protected override render(): React.JSX.Element | null {
    const { client, commands, limit, trans } = this._options;
    if (this._broken) {
      const problem = {
        message: trans.__('This output is not a preview of Headrace.'),
        hint: trans.__('Run the cell again.')
      };
      return <Problem problem={problem} trans={trans} />;
    }
    return (
      this._output && (
        <PreviewView
          client={client}
          commands={commands}
          limit={limit()}
          output={this._output}
          trans={trans}
        />
      )
    );
  }

  private _broken = false;
  private _options: RenderedPreview.IOptions;
  private _output: IPreviewOutput | null = null;
}

/** What the renderer is made with. */
export namespace RenderedPreview {
  export interface IOptions {
    client: IClient;
    commands: CommandRegistry;
    /** How many lines are shown before the button for all. */
    limit: () => number;
    trans: TranslationBundle;
  }
}

/** A notebook from anywhere may hold anything under our MIME type. */
function isOutput(data: unknown): data is IPreviewOutput {
  if (typeof data !== 'object' || data === null) {
    return false;
  }
  const { id, stream, source, counts, verdict, columns, sample } =
    data as Partial<IPreviewOutput>;
  return (
    [id, stream, source].every(text => typeof text === 'string') &&
    [counts, verdict, sample].every(
      part => typeof part === 'object' && part !== null
    ) &&
    [
      columns?.before,
      columns?.after,
      columns?.added,
      columns?.changed,
      columns?.removed,
      sample?.partitions
    ].every(Array.isArray)
  );
}
