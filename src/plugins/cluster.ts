import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { ClusterModel } from '../cluster/model';
import { IClient, IClusterModel, IFeed } from '../tokens';

/** Provides the cluster as last seen. */
export const clusterPlugin: JupyterFrontEndPlugin<IClusterModel> = {
  id: 'headrace:cluster',
  description: 'The cluster, its topics and services as last seen.',
  autoStart: true,
  requires: [IClient, IFeed],
  provides: IClusterModel,
  activate: (_: JupyterFrontEnd, client: IClient, feed: IFeed): IClusterModel =>
    new ClusterModel(client, feed)
};
