import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { Feed } from '../api/feed';
import { IFeed } from '../tokens';

/** Provides the feed of services and topics. */
export const feedPlugin: JupyterFrontEndPlugin<IFeed> = {
  id: 'headrace:feed',
  description: 'The reconnecting feed of services and topics.',
  autoStart: true,
  provides: IFeed,
  activate: (app: JupyterFrontEnd): IFeed =>
    new Feed({ serverSettings: app.serviceManager.serverSettings })
};
