import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IProblem } from '../api/error';
import { Name } from '../components/name';
import { Problem } from '../components/problem';
import type { IClusterModel } from '../tokens';

/** The cluster in use, and under it what keeps it or a command from working. */
export class ClusterLine extends ReactWidget {
  constructor(model: IClusterModel, trans: TranslationBundle) {
    super();
    this._model = model;
    this._trans = trans;
    this.addClass('jp-Headrace-cluster');
  }

  /** Show an error until it is dismissed. */
  showProblem(problem: IProblem | null): void {
    this._problem = problem;
    this.update();
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>{() => this._line()}</UseSignal>
    );
  }

  private _line(): React.JSX.Element {
    const { cluster, problem } = this._model;
    const trans = this._trans;
    return (
      <>
        {cluster && (
          <div className="jp-Headrace-row" aria-label={trans.__('Cluster')}>
            <Name text={cluster.name} className="jp-Headrace-strong" />
            <Name text={cluster.address} className="jp-Headrace-quiet" />
          </div>
        )}
        {problem && <Problem problem={problem} trans={trans} />}
        {this._problem && (
          <Problem
            problem={this._problem}
            trans={trans}
            onDismiss={() => this.showProblem(null)}
          />
        )}
      </>
    );
  }

  private _model: IClusterModel;
  private _problem: IProblem | null = null;
  private _trans: TranslationBundle;
}
