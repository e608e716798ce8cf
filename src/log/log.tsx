import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { PolledView } from '../components/polled';
import type { IClient } from '../tokens';

/** How many lines of a log are shown. */
const LINES = 500;

/** The last lines of a service's log, following the end unless scrolled up. */
export class LogView extends PolledView<string[]> {
  constructor(
    private _client: IClient,
    readonly service: string,
    trans: TranslationBundle
  ) {
    super(trans);
    this.addClass('jp-Headrace');
    this.addClass('jp-Headrace-log');
  }

  protected load(): Promise<string[]> {
    return this._client.logs(this.service, LINES);
  }

  protected draw(lines: string[]): React.JSX.Element {
    const { trans } = this;
    return lines.length === 0 ? (
      <p className="jp-Headrace-empty">
        {trans.__('%1 has logged nothing yet.', this.service)}
      </p>
    ) : (
      <Lines
        label={trans.__('Log of %1', this.service)}
        text={lines.join('\n')}
      />
    );
  }
}

function Lines(props: { label: string; text: string }): React.JSX.Element {
  const node = React.useRef<HTMLPreElement>(null);
  const atEnd = React.useRef(true);
  React.useLayoutEffect(() => {
    if (node.current && atEnd.current) {
      node.current.scrollTop = node.current.scrollHeight;
    }
  }, [props.text]);
  return (
    <pre
      ref={node}
      role="log"
      aria-label={props.label}
      tabIndex={0}
      onScroll={({ currentTarget: pre }) => {
        atEnd.current = pre.scrollTop + pre.clientHeight > pre.scrollHeight - 8;
      }}
    >
      {props.text}
    </pre>
  );
}
