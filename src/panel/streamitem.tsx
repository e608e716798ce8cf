import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { IStream } from '../api/types';
import { CommandIDs } from '../commands';
import { Name } from '../components/name';
import { count, shortCommit } from '../components/numbers';
import { Problem } from '../components/problem';
import { Suggestion } from '../components/suggestion';
import { Verdict } from '../components/verdict';

function stateText(stream: IStream, trans: TranslationBundle): string {
  switch (stream.state) {
    case 'not previewed':
      return trans.__('not previewed');
    case 'changed since preview':
      return trans.__('changed since preview');
    case 'uncommitted':
      return trans.__('uncommitted');
    case 'committed':
      return trans.__('committed %1', shortCommit(stream.commit));
    default:
      return stream.state;
  }
}

/** One stream: where it reads and writes, its verdict, and what to do next. */
export function StreamItem(props: {
  commands: CommandRegistry;
  stream: IStream;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { commands, stream, trans } = props;
  const { name, source, sink, verdict } = stream;
  const run = (id: string): void => {
    void commands.execute(id, { stream: name });
  };
  const path = `${source ?? '?'} → ${sink ?? trans.__('no sink')}`;
  const committed = stream.state === 'committed';
  return (
    <li className="jp-Headrace-item jp-Headrace-stream" data-stream={name}>
      <div className="jp-Headrace-row jp-Headrace-streamName">
        <button
          type="button"
          className="jp-Headrace-link jp-Headrace-strong"
          aria-label={name}
          title={trans.__('Show the cell of %1', name)}
          onClick={() => run(CommandIDs.showStream)}
        >
          <Name text={name} />
        </button>
        <Name text={path} className="jp-Headrace-quiet jp-Headrace-end" />
      </div>
      {stream.error !== null && (
        <Problem problem={{ message: stream.error, hint: '' }} trans={trans} />
      )}
      {verdict && <Verdict verdict={verdict} trans={trans} />}
      {verdict && stream.state !== 'changed since preview' && (
        <Suggestion
          commands={commands}
          stream={name}
          verdict={verdict}
          trans={trans}
        />
      )}
      <Counts stream={stream} trans={trans} />
      <span className="jp-Headrace-streamState jp-Headrace-quiet">
        {stateText(stream, trans)}
      </span>
      <span className="jp-Headrace-buttons">
        <button
          type="button"
          className="jp-Headrace-button"
          disabled={committed || stream.error !== null}
          title={
            committed
              ? trans.__('Nothing to commit: the cell is as committed.')
              : trans.__('Commit %1 to Git', name)
          }
          onClick={() => run(CommandIDs.commitStream)}
        >
          {trans.__('Commit')}
        </button>
        <button
          type="button"
          className="jp-Headrace-button"
          disabled={!committed}
          title={
            committed
              ? trans.__('Run %1 as a service', name)
              : trans.__('Commit first: services run from a commit.')
          }
          onClick={() => run(CommandIDs.deployStream)}
        >
          {trans.__('Deploy')}
        </button>
      </span>
    </li>
  );
}

function Counts(props: {
  stream: IStream;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { stream, trans } = props;
  if (stream.rows_in === null) {
    return null;
  }
  return (
    <span className="jp-Headrace-figures">
      <span title={trans.__('rows in → rows out of the last preview')}>
        {count(stream.rows_in)} → {count(stream.rows_out)}
      </span>
      {!!stream.failed && (
        <span className="jp-mod-failed">
          {trans.__('%1 failed', count(stream.failed))}
        </span>
      )}
    </span>
  );
}
