import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IProblem } from '../api/error';
import { warningIcon } from '../icons';
import { IconButton } from './iconbutton';

/** An error where it happened: what was wrong, then what to do. */
export function Problem(props: {
  problem: IProblem;
  trans: TranslationBundle;
  onDismiss?: () => void;
}): React.JSX.Element {
  const { problem, trans, onDismiss } = props;
  return (
    <div className="jp-Headrace-problem" role="alert">
      <warningIcon.react tag="span" className="jp-Headrace-icon" />
      <div className="jp-Headrace-problemText">
        <div>{problem.message}</div>
        {problem.hint !== '' && (
          <div className="jp-Headrace-hint">{problem.hint}</div>
        )}
      </div>
      {onDismiss && (
        <IconButton
          icon={closeIcon}
          label={trans.__('Dismiss')}
          onClick={onDismiss}
        />
      )}
    </div>
  );
}
