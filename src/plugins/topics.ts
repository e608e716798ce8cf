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
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';

import { CommandIDs, topicArguments } from '../commands';
import { inMainArea } from '../components/mainarea';
import { headraceIcon } from '../icons';
import { TopicsSection } from '../panel/topicssection';
import { RecordsView } from '../records/records';
import { IClient, IClusterModel, IFeed, IPanel } from '../tokens';
import { followSettings } from './settings';

/** Adds the topics to the panel, and the command that shows a topic's records. */
export const topicsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'headrace:topics',
  description: 'The topics of the cluster and their newest records.',
  autoStart: true,
  requires: [IClient, IClusterModel, IFeed, IPanel, ITranslator],
  optional: [ICommandPalette, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    client: IClient,
    model: IClusterModel,
    feed: IFeed,
    panel: IPanel,
    translator: ITranslator,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null
  ): void => {
    const { commands, shell } = app;
    const trans = translator.load('headrace');
    const tracker = new WidgetTracker<MainAreaWidget<RecordsView>>({
      namespace: 'headrace-records'
    });
    let limit = 50;
    void followSettings(settings, ({ recordLimit }) => {
      limit = recordLimit;
    });
    const read = (topic: string) => () =>
      client.records(topic, limit, model.notebook);
    const ask = async (): Promise<string | null> => {
      await model.refresh();
      const items = (model.topics ?? []).map(({ name }) => name);
      const title = trans.__('Records of which topic?');
      return (await InputDialog.getItem({ title, items })).value;
    };
    commands.addCommand(CommandIDs.showRecords, {
      describedBy: topicArguments,
      label: trans.__('Show Newest Records of a Topic…'),
      execute: async ({ topic }) => {
        const name = typeof topic === 'string' ? topic : await ask();
        if (name === null) {
          return;
        }
        const open = tracker.find(({ content }) => content.topic === name);
        const widget =
          open ??
          inMainArea(new RecordsView(name, read(name), trans), {
            icon: headraceIcon,
            id: `headrace-records-${name}`,
            label: name,
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
      command: CommandIDs.showRecords,
      args: ({ content }) => ({ topic: content.topic }),
      name: ({ content }) => content.topic
    });
    panel.addSection(new TopicsSection({ commands, feed, model, trans }), 20);
    palette?.addItem({
      command: CommandIDs.showRecords,
      category: trans.__('Headrace')
    });
  }
};
