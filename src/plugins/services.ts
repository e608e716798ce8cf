import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  InputDialog,
  type MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { problemOf } from '../api/error';
import type { IService } from '../api/types';
import { CommandIDs, serviceArguments } from '../commands';
import { inMainArea } from '../components/mainarea';
import { logIcon } from '../icons';
import { LogView } from '../log/log';
import { ServicesSection } from '../panel/servicessection';
import { IClient, IClusterModel, IFeed, IPanel } from '../tokens';

/** Adds the services to the panel, and the commands to start, stop and read them. */
export const servicesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'headrace:services',
  description: 'The services of the cluster, their logs, start and stop.',
  autoStart: true,
  requires: [IClient, IClusterModel, IFeed, IPanel, ITranslator],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    client: IClient,
    model: IClusterModel,
    feed: IFeed,
    panel: IPanel,
    translator: ITranslator,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { commands, shell } = app;
    const trans = translator.load('headrace');
    const tracker = new WidgetTracker<MainAreaWidget<LogView>>({
      namespace: 'headrace-log'
    });
    const choose = async (
      args: ReadonlyPartialJSONObject
    ): Promise<string | null> => {
      if (typeof args.service === 'string') {
        return args.service;
      }
      await model.refresh();
      const items = (model.services ?? []).map(({ service }) => service);
      const title = trans.__('Which service?');
      return (await InputDialog.getItem({ title, items })).value;
    };
    const change =
      (act: (name: string) => Promise<IService>) =>
      async (args: ReadonlyPartialJSONObject): Promise<void> => {
        const name = await choose(args);
        if (name !== null) {
          try {
            model.setService(await act(name));
          } catch (error) {
            await commands.execute(CommandIDs.openPanel);
            panel.showProblem(problemOf(error));
          }
        }
      };
    commands.addCommand(CommandIDs.startService, {
      describedBy: serviceArguments,
      label: trans.__('Start Service…'),
      execute: change(name => client.start(name))
    });
    commands.addCommand(CommandIDs.stopService, {
      describedBy: serviceArguments,
      label: trans.__('Stop Service…'),
      execute: change(name => client.stop(name))
    });
    commands.addCommand(CommandIDs.showLog, {
      describedBy: serviceArguments,
      label: trans.__('Show Log of a Service…'),
      execute: async args => {
        const name = await choose(args);
        if (name === null) {
          return;
        }
        const open = tracker.find(({ content }) => content.service === name);
        const widget =
          open ??
          inMainArea(new LogView(client, name, trans), {
            icon: logIcon,
            id: `headrace-log-${name}`,
            label: trans.__('Log of %1', name),
            trans
          });
        if (!open) {
          shell.add(widget, 'main', { mode: 'split-bottom' });
          void tracker.add(widget);
        }
        shell.activateById(widget.id);
      }
    });
    void restorer?.restore(tracker, {
      command: CommandIDs.showLog,
      args: ({ content }) => ({ service: content.service }),
      name: ({ content }) => content.service
    });
    panel.addSection(new ServicesSection({ commands, feed, model, trans }), 30);
    for (const command of [
      CommandIDs.startService,
      CommandIDs.stopService,
      CommandIDs.showLog
    ]) {
      palette?.addItem({ command, category: trans.__('Headrace') });
    }
  }
};
