import { ServerConnection } from '@jupyterlab/services';

import { Feed } from '../feed';
import type { IService } from '../types';

/** The socket's end that a browser would have. */
class Socket {
  static all: Socket[] = [];

  constructor(readonly url: string) {
    Socket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  receive(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  drop(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readyState = 0;
  sent: unknown[] = [];
}

async function socket(number: number): Promise<Socket> {
  const end = Date.now() + 4000;
  while (Socket.all.length <= number && Date.now() < end) {
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  return Socket.all[number];
}

describe('Feed', () => {
  let feed: Feed;

  beforeEach(() => {
    Socket.all = [];
    feed = new Feed({
      frequency: { interval: 10, backoff: false, max: 10 },
      serverSettings: ServerConnection.makeSettings({
        appendToken: true,
        token: 'a&b',
        WebSocket: Socket as unknown as typeof WebSocket,
        wsUrl: 'ws://localhost/base/'
      }),
      standby: 'never'
    });
  });

  afterEach(() => feed.dispose());

  it('asks for what is subscribed, and again when that changes', async () => {
    const { url } = await socket(0);
    expect(url).toBe('ws://localhost/base/headrace/feed?token=a%26b');
    const subscription = feed.subscribe('services', 'topics');
    const again = feed.subscribe('services');
    Socket.all[0].open();
    subscription.dispose();
    feed.notebook = 'delays.ipynb';
    again.dispose();
    const wishes = Socket.all[0].sent as { feeds: string[] }[];
    expect(wishes.map(({ feeds }) => feeds)).toEqual([
      ['services', 'topics'],
      ['services'],
      ['services'],
      []
    ]);
    expect(wishes[3]).toMatchObject({ notebook: 'delays.ipynb' });
  });

  it('passes messages on', async () => {
    const seen: unknown[] = [];
    feed.servicesChanged.connect((_, services: IService[]) =>
      seen.push(...services)
    );
    feed.topicsChanged.connect((_, { cluster }) => seen.push(cluster));
    feed.problemRaised.connect((_, { message }) => seen.push(message));
    (await socket(0)).open();
    Socket.all[0].receive({ type: 'services', services: ['s'] });
    Socket.all[0].receive({ type: 'topics', cluster: 'c', topics: [] });
    Socket.all[0].receive({ type: 'error', message: 'm', hint: '' });
    expect(seen).toEqual(['s', 'c', 'm']);
  });

  it('connects again after a loss and renews its subscription', async () => {
    const states: boolean[] = [];
    feed.connectedChanged.connect((_, connected) => states.push(connected));
    feed.subscribe('topics');
    (await socket(0)).open();
    Socket.all[0].drop();
    const second = await socket(1);
    second.open();
    expect(second.sent).toMatchObject([{ feeds: ['topics'] }]);
    expect(states).toEqual([true, false, true]);
    expect(feed.isConnected).toBe(true);
  });

  it('closes its socket for good when disposed', async () => {
    const first = await socket(0);
    feed.dispose();
    expect(first.readyState).toBe(3);
    expect(feed.isDisposed).toBe(true);
    expect(first.onclose).toBeNull();
  });
});
