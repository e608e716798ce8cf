import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';

import { PREVIEW_MIME, RenderedPreview } from '../preview/renderer';
import { IClient } from '../tokens';
import { followSettings } from './settings';

/** Before the text that the same output holds for front ends without Headrace. */
const RANK = 40;

/** Renders previews under the cells of streams. */
export const previewPlugin: JupyterFrontEndPlugin<void> = {
  id: 'headrace:preview',
  description: 'Renders before and after under the cell of a stream.',
  autoStart: true,
  requires: [IClient, IRenderMimeRegistry, ITranslator],
  optional: [ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    client: IClient,
    rendermime: IRenderMimeRegistry,
    translator: ITranslator,
    settings: ISettingRegistry | null
  ): void => {
    const { commands } = app;
    const trans = translator.load('headrace');
    let rows = 200;
    void followSettings(settings, ({ previewRows }) => {
      rows = previewRows;
    });
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [PREVIEW_MIME],
        createRenderer: () =>
          new RenderedPreview({ client, commands, limit: () => rows, trans })
      },
      RANK
    );
  }
};
