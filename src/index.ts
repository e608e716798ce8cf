import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

/** The plugins of Headrace; each is wired in `plugins/`. */
const plugins: JupyterFrontEndPlugin<void>[] = [];

export default plugins;
