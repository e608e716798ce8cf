import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IVerdict } from '../api/types';
import { differsIcon, equalIcon, unprovedIcon } from '../icons';

/** What of a verdict is shown on its line. */
type IJudged = Pick<IVerdict, 'equal' | 'reason'>;

/** How a verdict looks: a word and an icon beside the colour. */
interface ILook {
  icon: LabIcon;
  modifier: 'equal' | 'differs' | 'unproved';
  text: string;
}

function look(verdict: IJudged, trans: TranslationBundle): ILook {
  if (verdict.equal === true) {
    return {
      icon: equalIcon,
      modifier: 'equal',
      text: trans.__('batch equals stream')
    };
  }
  return verdict.equal === false
    ? {
        icon: differsIcon,
        modifier: 'differs',
        text: verdict.reason
          ? trans.__('differs: %1', verdict.reason)
          : trans.__('batch differs from stream')
      }
    : {
        icon: unprovedIcon,
        modifier: 'unproved',
        text: verdict.reason
          ? trans.__('not proved: %1', verdict.reason)
          : trans.__('not proved')
      };
}

/** The verdict of a check on one line. */
export function Verdict(props: {
  verdict: IJudged;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { verdict, trans } = props;
  const { icon, modifier, text } = look(verdict, trans);
  const title = verdict.reason ? `${text}\n${verdict.reason}` : text;
  return (
    <span
      className={`jp-Headrace-verdict jp-mod-${modifier}`}
      title={modifier === 'equal' ? title : text}
    >
      <icon.react tag="span" className="jp-Headrace-icon" />
      <span className="jp-Headrace-cut">{text}</span>
    </span>
  );
}
