import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IFeed } from '../tokens';
import type { IProblem } from './error';
import { NAMESPACE } from './request';
import type {
  FeedMessage,
  FeedName,
  IService,
  ISubscribeRequest,
  ITopics
} from './types';

/**
 * The feed of services and topics over one socket.
 *
 * A poll keeps the socket: its promise rejects when the socket closes, so that
 * the poll connects again, more slowly after each failure, and waits while the
 * page is hidden. The server sends only what somebody is subscribed to.
 */
export class Feed implements IFeed, IDisposable {
  constructor(options: Feed.IOptions = {}) {
    this._settings = options.serverSettings ?? ServerConnection.makeSettings();
    this._poll = new Poll({
      auto: false,
      factory: () => this._connect(),
      frequency: options.frequency ?? {
        interval: 1000,
        backoff: true,
        max: 30_000
      },
      name: 'headrace:feed',
      standby: options.standby ?? 'when-hidden'
    });
    void this._poll.start();
  }

  get servicesChanged(): ISignal<this, IService[]> {
    return this._servicesChanged;
  }

  get topicsChanged(): ISignal<this, ITopics> {
    return this._topicsChanged;
  }

  get problemRaised(): ISignal<this, IProblem> {
    return this._problemRaised;
  }

  get connectedChanged(): ISignal<this, boolean> {
    return this._connectedChanged;
  }

  get isConnected(): boolean {
    return this._socket?.readyState === 1;
  }

  get notebook(): string | null {
    return this._notebook;
  }
  set notebook(notebook: string | null) {
    if (notebook !== this._notebook) {
      this._notebook = notebook;
      this._sendSubscription();
    }
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  subscribe(...feeds: FeedName[]): IDisposable {
    feeds.forEach(feed =>
      this._subscribers.set(feed, (this._subscribers.get(feed) ?? 0) + 1)
    );
    this._sendSubscription();
    return new DisposableDelegate(() => {
      feeds.forEach(feed =>
        this._subscribers.set(feed, (this._subscribers.get(feed) ?? 1) - 1)
      );
      this._sendSubscription();
    });
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._poll.dispose();
    const socket = this._socket;
    this._socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    Signal.clearData(this);
  }

  private _connect(): Promise<never> {
    return new Promise((_, reject) => {
      const { appendToken, token, WebSocket, wsUrl } = this._settings;
      let url = URLExt.join(wsUrl, NAMESPACE, 'feed');
      if (appendToken && token !== '') {
        url += `?token=${encodeURIComponent(token)}`;
      }
      const socket = (this._socket = new WebSocket(url));
      socket.onopen = () => {
        this._sendSubscription();
        this._connectedChanged.emit(true);
      };
      socket.onmessage = message => this._receive(String(message.data));
      socket.onclose = () => {
        this._connectedChanged.emit(false);
        reject(new Error('The feed of Headrace is closed.'));
      };
    });
  }

  private _sendSubscription(): void {
    if (this.isConnected) {
      const feeds = [...this._subscribers]
        .filter(([, count]) => count > 0)
        .map(([feed]) => feed);
      const wish: ISubscribeRequest = {
        type: 'subscribe',
        feeds,
        notebook: this._notebook
      };
      this._socket?.send(JSON.stringify(wish));
    }
  }

  private _receive(text: string): void {
    const message = JSON.parse(text) as FeedMessage;
    switch (message.type) {
      case 'services':
        this._servicesChanged.emit(message.services);
        break;
      case 'topics':
        this._topicsChanged.emit(message);
        break;
      case 'error':
        this._problemRaised.emit(message);
        break;
    }
  }

  private _connectedChanged = new Signal<this, boolean>(this);
  private _notebook: string | null = null;
  private _poll: Poll<never>;
  private _problemRaised = new Signal<this, IProblem>(this);
  private _servicesChanged = new Signal<this, IService[]>(this);
  private _settings: ServerConnection.ISettings;
  private _socket: WebSocket | null = null;
  private _subscribers = new Map<FeedName, number>();
  private _topicsChanged = new Signal<this, ITopics>(this);
}

/** What a feed is made with. */
export namespace Feed {
  export interface IOptions {
    /** The connection to the Jupyter server. */
    serverSettings?: ServerConnection.ISettings;
    /** How often to connect again, in milliseconds. */
    frequency?: { interval: number; backoff: boolean | number; max: number };
    /** When the poll pauses. */
    standby?: Poll.Standby | (() => boolean | Poll.Standby);
  }
}
