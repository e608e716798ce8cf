import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';

import { CommandIDs, streamArguments } from '../commands';
import { deployStream } from '../deploy/deploy';
import { deployIcon } from '../icons';
import { chooseStream } from '../streams/choose';
import { IClient, IClusterModel, IPanel, IStreams } from '../tokens';

/** Adds the command that deploys a committed stream of the current notebook. */
export const deployPlugin: JupyterFrontEndPlugin<void> = {
  id: 'headrace:deploy',
  description: 'Deploys a committed stream of the current notebook.',
  autoStart: true,
  requires: [IClient, IClusterModel, IPanel, IStreams, ITranslator],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    client: IClient,
    model: IClusterModel,
    panel: IPanel,
    streams: IStreams,
    translator: ITranslator,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;
    const trans = translator.load('headrace');
    commands.addCommand(CommandIDs.deployStream, {
      describedBy: streamArguments,
      label: args =>
        args.toolbar ? trans.__('Deploy') : trans.__('Deploy Stream…'),
      caption: trans.__('Run the committed stream of this cell as a service'),
      icon: args => (args.toolbar ? undefined : deployIcon),
      isEnabled: () => streams.notebook !== null,
      execute: async ({ stream: name }) => {
        const stream = await chooseStream(streams, panel, name, trans);
        const { notebook } = streams;
        if (stream === null || notebook === null) {
          return;
        }
        await commands.execute(CommandIDs.openPanel);
        const service = await deployStream({ client, notebook, stream, trans });
        if (service !== null) {
          model.setService(service);
        }
      }
    });
    streams.changed.connect(() =>
      commands.notifyCommandChanged(CommandIDs.deployStream)
    );
    palette?.addItem({
      command: CommandIDs.deployStream,
      category: trans.__('Headrace')
    });
  }
};
