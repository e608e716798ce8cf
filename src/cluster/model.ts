import { type ISignal, Signal } from '@lumino/signaling';

import { type IProblem, problemOf } from '../api/error';
import type { ICluster, IService, ITopic, ITopics } from '../api/types';
import type { IClient, IClusterModel, IFeed } from '../tokens';

/** How many rates of a topic are kept for its small chart. */
const KEPT_RATES = 24;

/** Topics and services as last seen, whether the feed or an answer brought them. */
export class ClusterModel implements IClusterModel {
  constructor(client: IClient, feed: IFeed) {
    this._client = client;
    this._feed = feed;
    feed.topicsChanged.connect((_, topics) => {
      this._problem = null;
      this._setTopics(topics);
    });
    feed.servicesChanged.connect((_, services) => this._setServices(services));
    feed.problemRaised.connect((_, problem) => this._setProblem(problem));
  }

  get notebook(): string | null {
    return this._feed.notebook;
  }
  set notebook(notebook: string | null) {
    if (notebook !== this.notebook) {
      this._feed.notebook = notebook;
      void this.refresh();
    }
  }

  get cluster(): ICluster | null {
    return this._cluster;
  }

  get topics(): ReadonlyArray<ITopic> | null {
    return this._topics;
  }

  get services(): ReadonlyArray<IService> | null {
    return this._services;
  }

  get problem(): IProblem | null {
    return this._problem;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  rates(topic: string): ReadonlyArray<number> {
    return this._rates.get(topic) ?? [];
  }

  async refresh(): Promise<void> {
    const [topics, services] = await Promise.allSettled([
      this._client.topics(this.notebook),
      this._client.services()
    ]);
    const failed = [topics, services].find(
      answer => answer.status === 'rejected'
    );
    this._problem = failed ? problemOf(failed.reason) : null;
    if (topics.status === 'fulfilled') {
      this._setTopics(topics.value);
    }
    if (services.status === 'fulfilled') {
      this._setServices(services.value);
    }
    this._changed.emit();
  }

  setService(service: IService): void {
    const others = (this._services ?? []).filter(
      ({ service: name }) => name !== service.service
    );
    this._setServices([...others, service]);
  }

  private _setTopics(answer: ITopics): void {
    if (answer.cluster.address !== this._cluster?.address) {
      this._rates.clear();
    }
    this._cluster = answer.cluster;
    this._topics = [...answer.topics].sort((a, b) =>
      a.name.localeCompare(b.name)
    );
    for (const { name, rate_per_s: rate } of answer.topics) {
      if (rate !== null) {
        this._rates.set(name, [...this.rates(name), rate].slice(-KEPT_RATES));
      }
    }
    this._changed.emit();
  }

  private _setServices(services: IService[]): void {
    this._services = [...services].sort((a, b) =>
      a.service.localeCompare(b.service)
    );
    this._changed.emit();
  }

  private _setProblem(problem: IProblem): void {
    this._problem = problem;
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _client: IClient;
  private _cluster: ICluster | null = null;
  private _feed: IFeed;
  private _problem: IProblem | null = null;
  private _rates = new Map<string, number[]>();
  private _services: IService[] | null = null;
  private _topics: ITopic[] | null = null;
}
