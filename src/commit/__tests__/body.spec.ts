import { Dialog } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { waitFor } from '@testing-library/react';

import { RequestError } from '../../api/error';
import type { ICommit } from '../../api/types';
import { CommitBody } from '../body';

function open(draft: () => Promise<ICommit>): Dialog<string> {
  const dialog = new Dialog({
    body: new CommitBody({
      draft,
      message: '',
      problem: null,
      trans: nullTranslator.load('headrace')
    }),
    buttons: [Dialog.okButton({ label: 'Commit' })]
  });
  void dialog.launch().catch(() => undefined);
  return dialog;
}

function commitButton(dialog: Dialog<string>): HTMLButtonElement {
  return dialog.node.querySelector('.jp-mod-accept') as HTMLButtonElement;
}

describe('CommitBody', () => {
  it('shows files and message of the draft, then lets commit', async () => {
    const dialog = open(async () => ({
      branch: 'main',
      commit: null,
      files: ['streams/late/stream.yaml', '<b>x</b>'],
      message: 'late: 500 -> 463 records',
      warnings: ['amount was int64 in the last commit and is object now']
    }));
    await waitFor(() =>
      expect(dialog.node.querySelector('textarea')?.value).toBe(
        'late: 500 -> 463 records'
      )
    );
    await waitFor(() => expect(commitButton(dialog).disabled).toBe(false));
    expect(dialog.node.textContent).toContain('2 files on branch main');
    expect(dialog.node.textContent).toContain('<b>x</b>');
    expect(dialog.node.querySelector('b')).toBeNull();
    expect(dialog.node.querySelector('[role="status"]')?.textContent).toBe(
      'amount was int64 in the last commit and is object now'
    );
    dialog.reject();
  });

  it('shows why a commit is refused, and does not let commit', async () => {
    const dialog = open(async () => {
      throw new RequestError('No cell defines `LIMIT`.', 'Define it.', 409);
    });
    await waitFor(() =>
      expect(dialog.node.querySelector('[role="alert"]')?.textContent).toBe(
        'No cell defines `LIMIT`.Define it.'
      )
    );
    await waitFor(() => expect(commitButton(dialog).disabled).toBe(true));
    dialog.reject();
  });
});
