import type { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { type IProblem, problemOf } from '../api/error';
import type { ICommit } from '../api/types';
import { Name } from '../components/name';
import { Problem } from '../components/problem';
import { warningIcon } from '../icons';

/**
 * The files a commit would write and its message, to be edited.
 *
 * The dialog's button stays disabled until the draft is there: the message is a
 * required field, and the dialog checks its fields on each input event.
 */
export class CommitBody
  extends ReactWidget
  implements Dialog.IBodyWidget<string>
{
  constructor(options: CommitBody.IOptions) {
    super();
    this._options = options;
    this._message = options.message;
    this._problem = options.problem;
    this.addClass('jp-Headrace');
    this.addClass('jp-Headrace-dialog');
    void this._load();
  }

  /** The message as edited. */
  getValue(): string {
    return this._message.trim();
  }

  protected override render(): React.JSX.Element {
    const { trans } = this._options;
    const draft = this._draft;
    return (
      <>
        {this._problem && <Problem problem={this._problem} trans={trans} />}
        {draft === null && this._problem === null && (
          <p className="jp-Headrace-quiet" role="status">
            {trans.__('Running the stream alone on its sample…')}
          </p>
        )}
        {draft && <Draft draft={draft} trans={trans} />}
        <label className="jp-Headrace-field">
          {trans.__('Message')}
          <textarea
            required
            rows={5}
            value={this._message}
            disabled={draft === null}
            onChange={event => this._edit(event.target.value)}
          />
        </label>
      </>
    );
  }

  protected override onUpdateRequest(
    ...message: Parameters<ReactWidget['onUpdateRequest']>
  ): void {
    super.onUpdateRequest(...message);
    void this.renderPromise?.then(() => this._validate());
  }

  private async _load(): Promise<void> {
    try {
      this._draft = await this._options.draft();
      this._message ||= this._draft.message;
    } catch (error) {
      this._problem = problemOf(error);
    }
    if (!this.isDisposed) {
      this.update();
    }
  }

  private _edit(message: string): void {
    this._message = message;
    this.update();
  }

  private _validate(): void {
    this.node.classList.toggle('jp-mod-error', this._draft === null);
    this.node.dispatchEvent(new Event('input', { bubbles: true }));
  }

  private _draft: ICommit | null = null;
  private _message: string;
  private _options: CommitBody.IOptions;
  private _problem: IProblem | null;
}

/** What the dialog's body is made with. */
export namespace CommitBody {
  export interface IOptions {
    /** Ask the server what a commit would write. */
    draft: () => Promise<ICommit>;
    /** The message as edited before, or an empty text. */
    message: string;
    /** Why the commit before failed, or null. */
    problem: IProblem | null;
    trans: TranslationBundle;
  }
}

function Draft(props: {
  draft: ICommit;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, trans } = props;
  return (
    <>
      <div className="jp-Headrace-row">
        {trans._n(
          '%1 file on branch %2',
          '%1 files on branch %2',
          draft.files.length,
          draft.branch
        )}
      </div>
      <ul className="jp-Headrace-files" aria-label={trans.__('Files')}>
        {draft.files.map(file => (
          <li key={file}>
            <Name text={file} />
          </li>
        ))}
      </ul>
      {draft.warnings.map(warning => (
        <div key={warning} className="jp-Headrace-problem" role="status">
          <warningIcon.react tag="span" className="jp-Headrace-icon" />
          <div className="jp-Headrace-problemText">{warning}</div>
        </div>
      ))}
    </>
  );
}
