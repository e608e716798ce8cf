import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** A small button that shows only an icon; the label is tooltip and accessible name. */
export function IconButton(props: {
  icon: LabIcon;
  label: string;
  disabled?: boolean;
  onClick: () => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-Headrace-iconButton"
      aria-label={props.label}
      title={props.label}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <props.icon.react tag="span" className="jp-Headrace-icon" />
    </button>
  );
}
