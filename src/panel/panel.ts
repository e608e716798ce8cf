import type { ITranslator } from '@jupyterlab/translation';
import { SidePanel } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';
import { type AccordionPanel, Panel, type Widget } from '@lumino/widgets';

import type { IProblem } from '../api/error';
import { headraceIcon } from '../icons';
import type { IClusterModel, IPanel } from '../tokens';
import { ClusterLine } from './clusterline';
import type { PanelState } from './panelstate';

/** The side panel: toolbar, cluster line, then one section a feature. */
export class HeadracePanel extends SidePanel implements IPanel {
  constructor(options: HeadracePanel.IOptions) {
    super({ header: new Panel(), translator: options.translator });
    const trans = options.translator.load('headrace');
    this.id = 'headrace-panel';
    this.addClass('jp-Headrace');
    this.title.icon = headraceIcon;
    this.title.caption = trans.__('Headrace: streams, topics and services');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Headrace'));
    this._state = options.state;
    this._line = new ClusterLine(options.model, trans);
    this.header.addWidget(this._line);
    this._state.restored.connect(this._restoreSections, this);
    this._accordion.expansionToggled.connect((accordion, index) => {
      const section = accordion.widgets[index];
      void this._state.setOpen(section.id, !section.isHidden);
    });
  }

  get refreshRequested(): ISignal<this, void> {
    return this._refreshRequested;
  }

  addSection(widget: Widget, rank: number): void {
    const before = this._ranks.filter(other => other <= rank).length;
    this._ranks.splice(before, 0, rank);
    // An accordion appends to the page whatever the index: to keep the order of
    // the page, and so that of the keyboard, the later sections are added again.
    const later = this.widgets.slice(before);
    later.forEach(section => (section.parent = null));
    for (const section of [widget, ...later]) {
      section.show();
      this.addWidget(section);
    }
    this._restoreSections();
  }

  showProblem(problem: IProblem): void {
    this._line.showProblem(problem);
  }

  refresh(): void {
    this._refreshRequested.emit();
  }

  private _restoreSections(): void {
    this._accordion.widgets.forEach((section, index) => {
      if (!this._state.isOpen(section.id) && !section.isHidden) {
        this._accordion.collapse(index);
      }
    });
  }

  private get _accordion(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  private _line: ClusterLine;
  private _ranks: number[] = [];
  private _refreshRequested = new Signal<this, void>(this);
  private _state: PanelState;
}

/** What the panel is made with. */
export namespace HeadracePanel {
  export interface IOptions {
    model: IClusterModel;
    state: PanelState;
    translator: ITranslator;
  }
}
