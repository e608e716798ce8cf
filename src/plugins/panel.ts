import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  createToolbarFactory,
  ICommandPalette,
  IToolbarWidgetRegistry,
  setToolbar
} from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';

import { CommandIDs, noArguments } from '../commands';
import { headraceIcon } from '../icons';
import { HeadracePanel } from '../panel/panel';
import { PanelState } from '../panel/panelstate';
import { IClusterModel, IPanel } from '../tokens';
import { SETTINGS } from './settings';

/** Provides the side panel and the commands to open and refresh it. */
export const panelPlugin: JupyterFrontEndPlugin<IPanel> = {
  id: SETTINGS,
  description: 'The Headrace side panel.',
  autoStart: true,
  requires: [IClusterModel, ITranslator],
  optional: [
    ICommandPalette,
    ILayoutRestorer,
    ISettingRegistry,
    IStateDB,
    IToolbarWidgetRegistry
  ],
  provides: IPanel,
  activate: (
    app: JupyterFrontEnd,
    model: IClusterModel,
    translator: ITranslator,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    database: IStateDB | null,
    toolbars: IToolbarWidgetRegistry | null
  ): IPanel => {
    const trans = translator.load('headrace');
    const state = new PanelState(database);
    const panel = new HeadracePanel({ model, state, translator });
    app.commands.addCommand(CommandIDs.openPanel, {
      describedBy: noArguments,
      label: trans.__('Open the Headrace Panel'),
      icon: headraceIcon,
      execute: () => app.shell.activateById(panel.id)
    });
    app.commands.addCommand(CommandIDs.refresh, {
      describedBy: noArguments,
      label: trans.__('Refresh Streams, Topics and Services'),
      caption: trans.__('Refresh streams, topics and services'),
      icon: refreshIcon,
      execute: () => panel.refresh()
    });
    panel.refreshRequested.connect(() => void model.refresh());
    if (settings && toolbars) {
      setToolbar(
        panel,
        createToolbarFactory(
          toolbars,
          settings,
          'HeadracePanel',
          SETTINGS,
          translator
        )
      );
    }
    for (const command of [CommandIDs.openPanel, CommandIDs.refresh]) {
      palette?.addItem({ command, category: trans.__('Headrace') });
    }
    app.shell.add(panel, 'left', { rank: 620, type: 'Headrace' });
    restorer?.add(panel, 'headrace-panel');
    void state.restore();
    void app.started.then(() => model.refresh());
    return panel;
  }
};
