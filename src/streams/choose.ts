import { InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { problemOf } from '../api/error';
import type { IStream } from '../api/types';
import type { IPanel, IStreams } from '../tokens';

/**
 * Save the notebook and find the stream that a command is about.
 *
 * @param name The stream's name where the command was given one; else the
 * active cell's stream is taken, then the only one, then the user is asked.
 * @returns The stream, or null when there is none; the panel then says why.
 */
export async function chooseStream(
  streams: IStreams,
  panel: IPanel,
  name: unknown,
  trans: TranslationBundle
): Promise<IStream | null> {
  try {
    await streams.save();
  } catch (error) {
    panel.showProblem(problemOf(error));
    return null;
  }
  if (streams.problem !== null) {
    panel.showProblem(streams.problem);
    return null;
  }
  const named = (wanted: unknown): IStream | null =>
    streams.streams.find(stream => stream.name === wanted) ?? null;
  if (typeof name === 'string') {
    const found = named(name);
    if (found === null) {
      panel.showProblem({
        message: trans.__(
          'No cell of the current notebook defines the stream `%1`.',
          name
        ),
        hint: trans.__('Open the notebook that does.')
      });
    }
    return found;
  }
  if (streams.streams.length === 0) {
    panel.showProblem({
      message: trans.__('No cell of this notebook defines a stream.'),
      hint: trans.__('Begin a cell with %1.', '%%stream NAME --from TOPIC')
    });
    return null;
  }
  const current = streams.current();
  if (current !== null) {
    return current;
  }
  const answer = await InputDialog.getItem({
    title: trans.__('Which stream?'),
    items: streams.streams.map(stream => stream.name)
  });
  return answer.button.accept ? named(answer.value) : null;
}
