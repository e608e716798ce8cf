import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import { type IProblem, problemOf, RequestError } from '../api/error';
import type { IPreview, IPreviewOutput } from '../api/types';
import { CommandIDs } from '../commands';
import { Problem } from '../components/problem';
import type { IClient } from '../tokens';
import { Facts } from './facts';
import { linesOf } from './lines';
import { Panes } from './panes';

/** What a preview's output is drawn from. */
export interface IPreviewViewProps {
  client: IClient;
  commands: CommandRegistry;
  /** How many lines are shown before the button for all. */
  limit: number;
  output: IPreviewOutput;
  trans: TranslationBundle;
}

type Shown = 'all' | 'filtered' | 'failed';

/** The output of a stream's cell: facts from the notebook, values from the server. */
export function PreviewView(props: IPreviewViewProps): React.JSX.Element {
  const { client, commands, output, trans } = props;
  const [preview, setPreview] = React.useState<IPreview | null>(null);
  const [problem, setProblem] = React.useState<IProblem | null>(null);
  React.useEffect(() => {
    let current = true;
    setPreview(null);
    setProblem(null);
    client.preview(output.id).then(
      answer => current && setPreview(answer),
      error => current && setProblem(previewProblem(error, trans))
    );
    return () => {
      current = false;
    };
  }, [client, output.id, trans]);
  const run = (id: string): void => {
    void commands.execute(id, { stream: output.stream });
  };
  return (
    <section
      className="jp-Headrace-preview"
      aria-label={trans.__('Preview of %1', output.stream)}
    >
      <Facts
        commands={commands}
        output={output}
        preview={preview}
        trans={trans}
      >
        <button
          type="button"
          className="jp-Headrace-button"
          title={trans.__('Commit %1 to Git', output.stream)}
          onClick={() => run(CommandIDs.commitStream)}
        >
          {trans.__('Commit')}
        </button>
        <button
          type="button"
          className="jp-Headrace-button"
          title={trans.__('Run %1 as a service', output.stream)}
          onClick={() => run(CommandIDs.deployStream)}
        >
          {trans.__('Deploy')}
        </button>
      </Facts>
      {problem && <Problem problem={problem} trans={trans} />}
      {preview && <Rows {...props} preview={preview} />}
    </section>
  );
}

function Rows(
  props: IPreviewViewProps & { preview: IPreview }
): React.JSX.Element {
  const { commands, limit, output, preview, trans } = props;
  const [shown, setShown] = React.useState<Shown>('all');
  const [whole, setWhole] = React.useState(false);
  const lines = React.useMemo(() => linesOf(preview), [preview]);
  const chosen =
    shown === 'all' ? lines : lines.filter(({ status }) => status === shown);
  const visible = whole ? chosen : chosen.slice(0, limit);
  const choices: [Shown, string, number][] = [
    ['all', trans.__('all'), lines.length],
    ['filtered', trans.__('filtered'), number(lines, 'filtered')],
    ['failed', trans.__('failed'), number(lines, 'failed')]
  ];
  return (
    <>
      <div className="jp-Headrace-row jp-Headrace-choices">
        <span role="group" aria-label={trans.__('Rows shown')}>
          {choices
            .filter(([key, , size]) => key === 'all' || size > 0)
            .map(([key, label, size]) => (
              <button
                key={key}
                type="button"
                className="jp-Headrace-choice"
                aria-pressed={shown === key}
                onClick={() => setShown(key)}
              >
                {label} {size}
              </button>
            ))}
        </span>
        {preview.hidden > 0 && (
          <span className="jp-Headrace-quiet">
            {trans.__('%1 more records in the sample', preview.hidden)}
          </span>
        )}
      </div>
      <Panes
        columns={output.columns}
        figures={preview.columns}
        lines={visible}
        onRecord={record =>
          void commands.execute(CommandIDs.runOnRecord, {
            stream: output.stream,
            record
          })
        }
        trans={trans}
      />
      {visible.length < chosen.length && (
        <button
          type="button"
          className="jp-Headrace-button"
          onClick={() => setWhole(true)}
        >
          {trans.__('Show all %1 rows', chosen.length)}
        </button>
      )}
    </>
  );
}

function number(lines: ReturnType<typeof linesOf>, status: Shown): number {
  return lines.filter(line => line.status === status).length;
}

function previewProblem(error: unknown, trans: TranslationBundle): IProblem {
  if (error instanceof RequestError && error.status === 404) {
    return {
      message: trans.__('The values of this preview are no longer stored.'),
      hint: trans.__('Run the cell again to see before and after.')
    };
  }
  return problemOf(error);
}
