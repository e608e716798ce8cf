import { Dialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { type IProblem, problemOf } from '../api/error';
import type { IService, IStream } from '../api/types';
import { shortCommit } from '../components/numbers';
import type { IClient } from '../tokens';
import { DeployBody } from './body';

/** What a deploy needs. */
export interface IDeployOptions {
  client: IClient;
  notebook: string;
  stream: IStream;
  trans: TranslationBundle;
}

/**
 * Ask for the number of replicas and deploy; a refusal opens the dialog again.
 *
 * @returns The service, or null when it was cancelled.
 */
export async function deployStream(
  options: IDeployOptions
): Promise<IService | null> {
  const { client, notebook, stream, trans } = options;
  let replicas = 1;
  let problem: IProblem | null = null;
  for (;;) {
    const dialog = new Dialog({
      title: trans.__('Deploy %1', stream.name),
      body: new DeployBody({ problem, replicas, stream, trans }),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Deploy') })
      ],
      focusNodeSelector: 'input'
    });
    const result = await dialog.launch();
    if (!result.button.accept) {
      return null;
    }
    replicas = result.value ?? 1;
    const id = Notification.emit(
      trans.__('Deploying %1…', stream.name),
      'in-progress'
    );
    try {
      const service = await client.deploy({
        notebook,
        stream: stream.name,
        replicas
      });
      Notification.update({
        id,
        type: 'success',
        message: trans.__(
          '%1 runs from %2.',
          service.service,
          shortCommit(service.commit)
        ),
        autoClose: 5000
      });
      return service;
    } catch (error) {
      Notification.dismiss(id);
      problem = problemOf(error);
    }
  }
}
