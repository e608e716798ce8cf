import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Poll } from '@lumino/polling';
import * as React from 'react';

import { type IProblem, problemOf } from '../api/error';
import { Problem } from './problem';

/** How often an open view is read again, in milliseconds. */
const INTERVAL = 2000;

/** A view that is read again every two seconds while it is on screen and not paused. */
export abstract class PolledView<T> extends ReactWidget {
  constructor(protected readonly trans: TranslationBundle) {
    super();
    this._poll = new Poll({
      auto: false,
      factory: () => this._read(),
      frequency: { interval: INTERVAL, backoff: true, max: 30_000 },
      name: 'headrace:view',
      standby: () =>
        !this.isVisible || (this._paused && this._content !== null)
          ? true
          : 'when-hidden'
    });
  }

  /** Whether reading is paused; the content stays. */
  get paused(): boolean {
    return this._paused;
  }
  set paused(value: boolean) {
    this._paused = value;
    if (!value) {
      void this._poll.refresh();
    }
    this.update();
  }

  override dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    void this._poll.start();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this._poll.refresh();
  }

  /** Read the content from the server. */
  protected abstract load(): Promise<T>;

  /** Draw the content. */
  protected abstract draw(content: T): React.JSX.Element;

  protected override render(): React.JSX.Element {
    return (
      <>
        {this._problem && (
          <Problem problem={this._problem} trans={this.trans} />
        )}
        {this._content !== null && this.draw(this._content)}
      </>
    );
  }

  private async _read(): Promise<void> {
    try {
      this._content = await this.load();
      this._problem = null;
    } catch (error) {
      this._problem = problemOf(error);
    }
    if (!this.isDisposed) {
      this.update();
    }
  }

  private _content: T | null = null;
  private _paused = false;
  private _poll: Poll;
  private _problem: IProblem | null = null;
}
