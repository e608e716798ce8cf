import { StateDB } from '@jupyterlab/statedb';
import { nullTranslator } from '@jupyterlab/translation';
import type { AccordionPanel } from '@lumino/widgets';
import { Widget } from '@lumino/widgets';

import { ClusterModel } from '../../cluster/model';
import type { IClient, IFeed } from '../../tokens';
import { HeadracePanel } from '../panel';
import { PanelState } from '../panelstate';

function section(id: string): Widget {
  const widget = new Widget();
  widget.id = id;
  widget.title.label = id;
  return widget;
}

function panelOn(state: PanelState): HeadracePanel {
  const signal = { connect: () => true };
  const feed = {
    topicsChanged: signal,
    servicesChanged: signal,
    problemRaised: signal
  } as unknown as IFeed;
  const panel = new HeadracePanel({
    model: new ClusterModel({} as IClient, feed),
    state,
    translator: nullTranslator
  });
  panel.addSection(section('services'), 30);
  panel.addSection(section('streams'), 10);
  panel.addSection(section('topics'), 20);
  return panel;
}

describe('HeadracePanel', () => {
  it('orders its sections by rank, on the page too', () => {
    const panel = panelOn(new PanelState(null));
    expect(panel.widgets.map(({ id }) => id)).toEqual([
      'streams',
      'topics',
      'services'
    ]);
    const titles = [
      ...panel.node.querySelectorAll('.lm-AccordionPanel-titleLabel')
    ];
    expect(titles.map(title => title.textContent)).toEqual([
      'streams',
      'topics',
      'services'
    ]);
    panel.dispose();
  });

  it('keeps closed sections over a reload', async () => {
    const database = new StateDB();
    const before = panelOn(new PanelState(database));
    (before.content as AccordionPanel).collapse(1);
    before.dispose();

    const state = new PanelState(database);
    const after = panelOn(state);
    expect(after.widgets.map(({ isHidden }) => isHidden)).toEqual([
      false,
      false,
      false
    ]);
    await state.restore();
    expect(after.widgets.map(({ isHidden }) => isHidden)).toEqual([
      false,
      true,
      false
    ]);
    after.dispose();
  });
});
