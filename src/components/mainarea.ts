import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type LabIcon,
  pauseIcon,
  runIcon,
  ToolbarButton
} from '@jupyterlab/ui-components';

import type { PolledView } from './polled';

/** How a view appears as a tab of the main area. */
export interface ITab {
  icon: LabIcon;
  id: string;
  label: string;
  trans: TranslationBundle;
}

/** Put a view that follows the server into a main area widget with a pause button. */
export function inMainArea<T extends PolledView<unknown>>(
  content: T,
  tab: ITab
): MainAreaWidget<T> {
  const { icon, id, label, trans } = tab;
  const widget = new MainAreaWidget({ content });
  widget.id = id;
  widget.title.label = label;
  widget.title.caption = label;
  widget.title.icon = icon;
  widget.title.closable = true;
  const pause = new ToolbarButton({
    icon: pauseIcon,
    pressedIcon: runIcon,
    tooltip: trans.__('Pause'),
    pressedTooltip: trans.__('Follow again'),
    onClick: () => {
      content.paused = !content.paused;
      pause.pressed = content.paused;
    }
  });
  widget.toolbar.addItem('pause', pause);
  return widget;
}
