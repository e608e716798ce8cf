import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { Client } from '../api/client';
import { IClient } from '../tokens';

/** Provides the REST client. */
export const clientPlugin: JupyterFrontEndPlugin<IClient> = {
  id: 'headrace:client',
  description: 'The typed REST client of the Headrace server extension.',
  autoStart: true,
  provides: IClient,
  activate: (app: JupyterFrontEnd): IClient =>
    new Client(app.serviceManager.serverSettings)
};
