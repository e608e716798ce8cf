import type { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IProblem } from '../api/error';
import type { IStream } from '../api/types';
import { shortCommit } from '../components/numbers';
import { Problem } from '../components/problem';

/** What a deploy will do, and with how many replicas. */
export class DeployBody
  extends ReactWidget
  implements Dialog.IBodyWidget<number>
{
  constructor(options: DeployBody.IOptions) {
    super();
    this._options = options;
    this.addClass('jp-Headrace');
    this.addClass('jp-Headrace-dialog');
  }

  /** The number of replicas. */
  getValue(): number {
    return Number(this.node.querySelector('input')?.value ?? 1);
  }

  protected override render(): React.JSX.Element {
    const { problem, replicas, stream, trans } = this._options;
    return (
      <>
        {problem && <Problem problem={problem} trans={trans} />}
        <p>
          {trans.__(
            '%1 reads %2 and writes %3, from commit %4.',
            stream.name,
            stream.source ?? '?',
            stream.sink ?? trans.__('no topic'),
            shortCommit(stream.commit)
          )}
        </p>
        <label className="jp-Headrace-field">
          {trans.__('Replicas')}
          <input
            type="number"
            required
            min={1}
            max={64}
            defaultValue={replicas}
          />
        </label>
      </>
    );
  }

  private _options: DeployBody.IOptions;
}

/** What the dialog's body is made with. */
export namespace DeployBody {
  export interface IOptions {
    /** Why the deploy before failed, or null. */
    problem: IProblem | null;
    replicas: number;
    stream: IStream;
    trans: TranslationBundle;
  }
}
