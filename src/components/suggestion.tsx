import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { IVerdict } from '../api/types';
import { CommandIDs } from '../commands';

/** A declaration that was tried and makes batch and stream equal, and the button that writes it into the cell. */
export function Suggestion(props: {
  commands: CommandRegistry;
  /** The name of the stream. */
  stream: string;
  verdict: Partial<Pick<IVerdict, 'suggestion'>>;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { commands, stream, verdict, trans } = props;
  const options = verdict.suggestion ?? null;
  return options === null ? null : (
    <div className="jp-Headrace-row jp-Headrace-wrap jp-Headrace-suggestion">
      <span>
        {trans.__('with')} <code className="jp-Headrace-cut">{options}</code>{' '}
        {trans.__('both agree (tried on this sample)')}
      </span>
      <button
        type="button"
        className="jp-Headrace-button"
        title={trans.__('Write %1 into the cell and run it', options)}
        onClick={() =>
          void commands.execute(CommandIDs.applySuggestion, { stream, options })
        }
      >
        {trans.__('Apply')}
      </button>
    </div>
  );
}
