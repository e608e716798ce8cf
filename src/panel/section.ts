import { ReactWidget } from '@jupyterlab/ui-components';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';

import type { FeedName } from '../api/types';
import type { IFeed } from '../tokens';

/** A section that is fed only while it is on screen. */
export abstract class FeedSection extends ReactWidget {
  constructor(feed: IFeed, name: FeedName) {
    super();
    this._feed = feed;
    this._name = name;
  }

  override dispose(): void {
    this._unsubscribe();
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this._subscribe();
    }
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._subscribe();
  }

  protected override onBeforeHide(message: Message): void {
    this._unsubscribe();
    super.onBeforeHide(message);
  }

  protected override onBeforeDetach(message: Message): void {
    this._unsubscribe();
    super.onBeforeDetach(message);
  }

  private _subscribe(): void {
    this._subscription ??= this._feed.subscribe(this._name);
  }

  private _unsubscribe(): void {
    this._subscription?.dispose();
    this._subscription = null;
  }

  private _feed: IFeed;
  private _name: FeedName;
  private _subscription: IDisposable | null = null;
}
