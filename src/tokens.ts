import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import type { IProblem } from './api/error';
import type * as API from './api/types';

/** The typed REST client; each method rejects with a `RequestError`. */
export interface IClient {
  /** The topics of the cluster that a notebook's project names. */
  topics(notebook: string | null): Promise<API.ITopics>;
  /** The newest records of a topic of that cluster, newest first. */
  records(
    topic: string,
    limit: number,
    notebook: string | null
  ): Promise<API.IRecord[]>;
  /** The streams that the cells of a saved notebook define. */
  streams(notebook: string): Promise<API.IStream[]>;
  /** A stored preview with its values; status 404 when it is gone. */
  preview(id: string): Promise<API.IPreview>;
  /** A magic line (without `%%stream`) with options put into it. */
  declare(magic: string, options: string): Promise<string>;
  /** Commit a stream, or with `dry_run` say what a commit would write. */
  commit(body: API.ICommitRequest): Promise<API.ICommit>;
  /** Deploy a committed stream as a service. */
  deploy(body: API.IDeployRequest): Promise<API.IService>;
  /** All services of the cluster. */
  services(): Promise<API.IService[]>;
  /** Start a stopped service. */
  start(service: string): Promise<API.IService>;
  /** Stop a service; it goes on from the same offsets when started. */
  stop(service: string): Promise<API.IService>;
  /** The last lines of a service's log, oldest first. */
  logs(service: string, lines: number): Promise<string[]>;
}

/** The REST client of the server extension. */
export const IClient = new Token<IClient>(
  'headrace:IClient',
  'The typed REST client of the Headrace server extension.'
);

/** What the server sends while somebody is subscribed. */
export interface IFeed {
  /** All services, every second. */
  readonly servicesChanged: ISignal<IFeed, API.IService[]>;
  /** The cluster and its topics, every two seconds. */
  readonly topicsChanged: ISignal<IFeed, API.ITopics>;
  /** What keeps the server from reading topics or services. */
  readonly problemRaised: ISignal<IFeed, IProblem>;
  /** The socket was opened or closed. */
  readonly connectedChanged: ISignal<IFeed, boolean>;
  /** Whether the socket is open. */
  readonly isConnected: boolean;
  /** The notebook whose project names the cluster of the topics. */
  notebook: string | null;
  /** Ask for some feeds until the result is disposed. */
  subscribe(...feeds: API.FeedName[]): IDisposable;
}

/** The feed of services and topics. */
export const IFeed = new Token<IFeed>(
  'headrace:IFeed',
  'The reconnecting feed of services and topics.'
);

/** The streams of the notebook that was last in use. */
export interface IStreams {
  /** Path of that notebook below the server's root, null when there is none. */
  readonly notebook: string | null;
  /** Its streams, in the order of the cells. */
  readonly streams: ReadonlyArray<API.IStream>;
  /** Why the streams could not be read, null where they could. */
  readonly problem: IProblem | null;
  /** Notebook, streams or problem changed. */
  readonly changed: ISignal<IStreams, void>;
  /** The stream of the active cell, else the notebook's only one, else null. */
  current(): API.IStream | null;
  /** Save the notebook where it has unsaved changes; commits read the file. */
  save(): Promise<void>;
  /** Read the streams again. */
  refresh(): Promise<void>;
  /** Bring a stream's cell into view. */
  reveal(stream: string): void;
  /** Run a stream's cell on one record, in a cell below it. */
  runOn(stream: string, record: string): Promise<void>;
  /** Put options into a stream's magic line and run its cell. */
  declare(stream: string, options: string): Promise<void>;
}

/** The streams of the current notebook. */
export const IStreams = new Token<IStreams>(
  'headrace:IStreams',
  'The streams of the notebook that was last in use.'
);

/** The side panel, open to further sections. */
export interface IPanel {
  /** Add a section; `widget.title.label` is its heading, `widget.id` names it in the saved state. */
  addSection(widget: Widget, rank: number): void;
  /** Show an error at the top of the panel until it is dismissed. */
  showProblem(problem: IProblem): void;
  /** Somebody asked for everything to be read again. */
  readonly refreshRequested: ISignal<IPanel, void>;
  /** Ask for everything to be read again. */
  refresh(): void;
}

/** The Headrace side panel. */
export const IPanel = new Token<IPanel>(
  'headrace:IPanel',
  'The Headrace side panel, open to further sections.'
);

/** The cluster as last seen: fed by the feed, asked on request. */
export interface IClusterModel {
  /** The notebook whose project names the cluster; setting another reads again. */
  notebook: string | null;
  /** The cluster in use, null until the server has answered. */
  readonly cluster: API.ICluster | null;
  /** Its topics by name, null until they have been read. */
  readonly topics: ReadonlyArray<API.ITopic> | null;
  /** Its services by name, null until they have been read. */
  readonly services: ReadonlyArray<API.IService> | null;
  /** Why the cluster cannot be read, null where it can. */
  readonly problem: IProblem | null;
  /** Any of the above changed. */
  readonly changed: ISignal<IClusterModel, void>;
  /** The last rates of a topic, oldest first, in records per second. */
  rates(topic: string): ReadonlyArray<number>;
  /** Ask the server for topics and services now. */
  refresh(): Promise<void>;
  /** Take over a service's state that the server has just answered. */
  setService(service: API.IService): void;
}

/** The cluster as last seen. */
export const IClusterModel = new Token<IClusterModel>(
  'headrace:IClusterModel',
  'The cluster, its topics and services as last seen.'
);
