import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { clientPlugin } from './plugins/client';
import { clusterPlugin } from './plugins/cluster';
import { commitPlugin } from './plugins/commit';
import { deployPlugin } from './plugins/deploy';
import { feedPlugin } from './plugins/feed';
import { panelPlugin } from './plugins/panel';
import { previewPlugin } from './plugins/preview';
import { servicesPlugin } from './plugins/services';
import { streamsPlugin, streamsSectionPlugin } from './plugins/streams';
import { topicsPlugin } from './plugins/topics';

export * from './tokens';

/** The plugins of Headrace; each is wired in `plugins/`. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [
  clientPlugin,
  clusterPlugin,
  commitPlugin,
  deployPlugin,
  feedPlugin,
  panelPlugin,
  previewPlugin,
  servicesPlugin,
  streamsPlugin,
  streamsSectionPlugin,
  topicsPlugin
];

export default plugins;
