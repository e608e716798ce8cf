import { Dialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { type IProblem, problemOf } from '../api/error';
import type { ICommit } from '../api/types';
import { shortCommit } from '../components/numbers';
import type { IClient, IStreams } from '../tokens';
import { CommitBody } from './body';

/** What a commit needs. */
export interface ICommitOptions {
  client: IClient;
  notebook: string;
  stream: string;
  streams: IStreams;
  trans: TranslationBundle;
}

/**
 * Show what a commit would write, and commit when accepted.
 *
 * A refusal opens the dialog again with the reason and the edited message.
 *
 * @returns The commit, or null when it was cancelled.
 */
export async function commitStream(
  options: ICommitOptions
): Promise<ICommit | null> {
  const { client, notebook, stream, streams, trans } = options;
  let message = '';
  let problem: IProblem | null = null;
  for (;;) {
    const body = new CommitBody({
      draft: () => client.commit({ notebook, stream, dry_run: true }),
      message,
      problem,
      trans
    });
    const dialog = new Dialog({
      title: trans.__('Commit %1', stream),
      body,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Commit') })
      ],
      focusNodeSelector: 'textarea'
    });
    const result = await dialog.launch();
    if (!result.button.accept) {
      return null;
    }
    message = result.value ?? '';
    const id = Notification.emit(
      trans.__('Committing %1…', stream),
      'in-progress'
    );
    try {
      const commit = await client.commit({ notebook, stream, message });
      Notification.update({
        id,
        type: 'success',
        message: trans.__(
          'Committed %1 as %2 on %3.',
          stream,
          shortCommit(commit.commit),
          commit.branch
        ),
        autoClose: 5000
      });
      void streams.refresh();
      return commit;
    } catch (error) {
      Notification.dismiss(id);
      problem = problemOf(error);
    }
  }
}
