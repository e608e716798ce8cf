/**
 * What the server extension sends and takes, as described by its OpenAPI document.
 *
 * Field names are the server's own (snake_case). Everything that comes from a
 * topic, a notebook or a repository is foreign text: show it as text only.
 */

/** The cluster that topics and services are read from. */
export interface ICluster {
  name: string;
  address: string;
}

/** One topic of the cluster. */
export interface ITopic {
  name: string;
  partitions: number;
  /** How many records the topic holds now. */
  records: number;
  /** Records that arrived per second, null until it has been measured. */
  rate_per_s: number | null;
}

/** The topics of a cluster. */
export interface ITopics {
  cluster: ICluster;
  topics: ITopic[];
}

/** One record, decoded as text for the screen. */
export interface IRecord {
  partition: number;
  offset: number;
  /** Milliseconds since the epoch, or an ISO 8601 time. */
  timestamp: number | string;
  key: unknown;
  value: unknown;
  headers: unknown;
}

/** What the check says of a stream; `equal` is null where it is not proved. */
export interface IVerdict {
  equal: boolean | null;
  reason: string;
  splits?: number;
  seconds?: number;
}

/** How far a stream of a notebook has come. */
export type StreamState =
  | 'not previewed'
  | 'changed since preview'
  | 'uncommitted'
  | 'committed';

/** One stream that a cell of the notebook defines. */
export interface IStream {
  name: string;
  source: string | null;
  sink: string | null;
  cell_id: string | null;
  verdict: IVerdict | null;
  rows_in: number | null;
  rows_out: number | null;
  failed: number | null;
  preview_id: string | null;
  state: StreamState;
  commit: string | null;
  /** Why the cell's magic line cannot be read, null where it can. */
  error: string | null;
}

/** The state of a service over all its replicas. */
export type ServiceState =
  | 'starting'
  | 'running'
  | 'degraded'
  | 'stopped'
  | 'failed';

/** One service: a stream deployed from a commit. Counts are since the deploy. */
export interface IService {
  service: string;
  commit: string | null;
  state: ServiceState;
  replicas: number;
  in_per_s: number | null;
  out_per_s: number | null;
  lag: number | null;
  p50_ms: number | null;
  p99_ms: number | null;
  records_in: number;
  records_out: number;
  failed: number;
  late: number;
  restarts: number;
  pids: number[];
}

/** What a commit wrote, or with `dry_run` would write. */
export interface ICommit {
  commit: string | null;
  branch: string;
  files: string[];
  message: string;
}

/** What the server is asked to commit. */
export interface ICommitRequest {
  notebook: string;
  stream: string;
  message?: string;
  dry_run?: boolean;
}

/** What the server is asked to deploy. */
export interface IDeployRequest {
  notebook: string;
  stream: string;
  replicas?: number;
}

/** A column's name and dtype. */
export type Column = [name: string, dtype: string];

/** What became of one record; `untraced` where outputs cannot be traced to records. */
export type RowStatus = 'kept' | 'filtered' | 'failed' | 'untraced';

/** The first record where a whole run and a split one differ. */
export interface IDifference {
  partition: number;
  offset: number;
  column: string | null;
  whole: unknown;
  split: unknown;
}

/** One record of the sample with what the function made of it. */
export interface IPreviewRow {
  partition: number;
  offset: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
  /** The decoded values, null where the record could not be decoded. */
  before: unknown[] | null;
  /** One list of values an output; null where there is none. */
  after: unknown[][] | null;
  status: RowStatus;
  error: string | null;
  /** The cell's own line that raised, counted from one. */
  line: number | null;
  /** The record's value as text, where it failed. */
  raw: string | null;
}

/** A stored preview with its values, masked where the project says so. */
export interface IPreview {
  id: string;
  rows: IPreviewRow[];
  /** The first outputs, where they cannot be traced to records. */
  untraced: unknown[][];
  /** How many records are not among `rows`. */
  hidden: number;
  verdict: IVerdict & { difference: IDifference | null; messages: string[] };
}

/** What the cell's output in the notebook holds: everything but the values. */
export interface IPreviewOutput {
  id: string;
  stream: string;
  source: string;
  sink: string | null;
  notebook: string | null;
  counts: {
    rows_in: number;
    rows_out: number;
    /** Null where outputs cannot be traced to records. */
    filtered: number | null;
    failed: number;
  };
  verdict: IVerdict;
  columns: {
    before: Column[];
    after: Column[];
    added: string[];
    changed: string[];
    removed: string[];
  };
  sample: {
    partitions: number[];
    first: number | null;
    last: number | null;
  };
}

/** A message of the feed. */
export type FeedMessage =
  | { type: 'services'; services: IService[] }
  | ({ type: 'topics' } & ITopics)
  | { type: 'error'; message: string; hint?: string };

/** What a subscriber of the feed can ask for. */
export type FeedName = 'services' | 'topics';
