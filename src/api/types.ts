/**
 * What the server extension sends and takes.
 *
 * The types are generated from its OpenAPI document, which is generated from the
 * models that it validates with. Everything that comes from a topic, a notebook
 * or a repository is foreign text: show it as text only.
 */
import type { components } from './schema';

type Schemas = components['schemas'];

/** The cluster that topics are read from. */
export type ICluster = Schemas['ClusterName'];
/** One topic of the cluster. */
export type ITopic = Schemas['Topic'];
/** The topics of a cluster. */
export type ITopics = Schemas['Topics'];
/** One record, decoded as text for the screen. */
export type IRecord = Schemas['Record'];
/** One stream that a cell of the notebook defines. */
export type IStream = Schemas['NotebookStreamStatus'];
/** What the check says of a stream; `equal` is null where it is not proved. */
export type IVerdict = Schemas['StreamVerdict'];
/** One service: a stream deployed from a commit. Counts are since the deploy. */
export type IService = Schemas['ServiceStatus'];
/** The state of a service over all its replicas. */
export type ServiceState = IService['state'];
/** What a commit wrote, or with `dry_run` would write. */
export type ICommit = Schemas['CommitResult'];
/** A stored preview with its values, masked where the project says so. */
export type IPreview = Schemas['Preview'];
/** One record of a sample with what the function made of it. */
export type IPreviewRow = Schemas['PreviewRow'];
/** What became of one record; `untraced` where outputs cannot be traced to records. */
export type RowStatus = IPreviewRow['status'];
/** The first record where a whole run and a split one differ. */
export type IDifference = Schemas['Difference'];
/** What the server is asked to commit. */
export type ICommitRequest = Pick<
  Schemas['CommitRequest'],
  'notebook' | 'stream'
> &
  Partial<Schemas['CommitRequest']>;
/** What the server is asked to deploy. */
export type IDeployRequest = Pick<
  Schemas['DeployRequest'],
  'notebook' | 'stream'
> &
  Partial<Schemas['DeployRequest']>;
/** A message of the feed. */
export type FeedMessage =
  | Schemas['ServicesMessage']
  | Schemas['TopicsMessage']
  | Schemas['ErrorMessage'];
/** What a subscriber of the feed asks for. */
export type ISubscribeRequest = Pick<
  Schemas['SubscribeRequest'],
  'type' | 'feeds' | 'notebook'
>;
/** The name of a feed. */
export type FeedName = ISubscribeRequest['feeds'][number];

/** A column's name and dtype. */
export type Column = [name: string, dtype: string];

/** What the cell's output in the notebook holds: everything but the values. */
export interface IPreviewOutput {
  id: string;
  stream: string;
  source: string;
  sink: string | null;
  counts: Pick<IPreview, 'rows_in' | 'rows_out' | 'filtered' | 'failed'>;
  /** Outputs of older versions have no suggestion. */
  verdict: Pick<IVerdict, 'equal' | 'reason'> &
    Partial<Pick<Schemas['Verdict'], 'suggestion' | 'splits' | 'seconds'>>;
  /** What the sample's edges leave open; outputs of older versions lack it. */
  edges?: Pick<IPreview, 'incomplete' | 'waiting' | 'open_windows'>;
  columns: {
    before: Column[];
    after: Column[];
    added: string[];
    changed: string[];
    removed: string[];
  };
  sample: Pick<IPreview['sample'], 'partitions' | 'first' | 'last'>;
}
