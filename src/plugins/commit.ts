import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';

import { CommandIDs, streamArguments } from '../commands';
import { commitStream } from '../commit/commit';
import { commitIcon } from '../icons';
import { chooseStream } from '../streams/choose';
import { IClient, IPanel, IStreams } from '../tokens';

/** Adds the command that commits a stream of the current notebook. */
export const commitPlugin: JupyterFrontEndPlugin<void> = {
  id: 'headrace:commit',
  description: 'Commits a stream of the current notebook.',
  autoStart: true,
  requires: [IClient, IPanel, IStreams, ITranslator],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    client: IClient,
    panel: IPanel,
    streams: IStreams,
    translator: ITranslator,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;
    const trans = translator.load('headrace');
    commands.addCommand(CommandIDs.commitStream, {
      describedBy: streamArguments,
      label: args =>
        args.toolbar ? trans.__('Commit') : trans.__('Commit Stream…'),
      caption: trans.__('Commit the stream of this cell to Git'),
      icon: args => (args.toolbar ? undefined : commitIcon),
      isEnabled: () => streams.notebook !== null,
      execute: async ({ stream: name }) => {
        const stream = await chooseStream(streams, panel, name, trans);
        const { notebook } = streams;
        if (stream !== null && notebook !== null) {
          const options = { client, notebook, streams, trans };
          return commitStream({ ...options, stream: stream.name });
        }
      }
    });
    streams.changed.connect(() =>
      commands.notifyCommandChanged(CommandIDs.commitStream)
    );
    palette?.addItem({
      command: CommandIDs.commitStream,
      category: trans.__('Headrace')
    });
  }
};
