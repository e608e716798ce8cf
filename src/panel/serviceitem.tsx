import type { TranslationBundle } from '@jupyterlab/translation';
import { type LabIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { IService, ServiceState } from '../api/types';
import { CommandIDs } from '../commands';
import { IconButton } from '../components/iconbutton';
import { Name } from '../components/name';
import {
  bytes,
  count,
  milliseconds,
  rate,
  shortCommit,
  span
} from '../components/numbers';
import {
  logIcon,
  runningIcon,
  startingIcon,
  stoppedIcon,
  warningIcon
} from '../icons';

const ICONS: Record<ServiceState, LabIcon> = {
  starting: startingIcon,
  running: runningIcon,
  degraded: warningIcon,
  stopped: stoppedIcon,
  failed: warningIcon
};

function stateText(state: ServiceState, trans: TranslationBundle): string {
  switch (state) {
    case 'starting':
      return trans.__('starting');
    case 'running':
      return trans.__('running');
    case 'degraded':
      return trans.__('degraded');
    case 'stopped':
      return trans.__('stopped');
    case 'failed':
      return trans.__('failed');
    default:
      return state;
  }
}

/** One service: state, commit and replicas, then its figures. */
export function ServiceItem(props: {
  commands: CommandRegistry;
  service: IService;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { commands, service, trans } = props;
  const { service: name, state } = service;
  const Icon = ICONS[state] ?? warningIcon;
  const text = stateText(state, trans);
  const halted = state === 'stopped' || state === 'failed';
  const run = (id: string): void => {
    void commands.execute(id, { service: name });
  };
  return (
    <li className="jp-Headrace-item" data-service={name} data-state={state}>
      <div className="jp-Headrace-row">
        <span
          className={`jp-Headrace-state jp-mod-${state}`}
          aria-hidden="true"
        >
          <Icon.react tag="span" className="jp-Headrace-icon" />
        </span>
        <Name text={name} className="jp-Headrace-strong" />
        <span className="jp-Headrace-buttons">
          <IconButton
            icon={halted ? runIcon : stopIcon}
            label={
              halted ? trans.__('Start %1', name) : trans.__('Stop %1', name)
            }
            onClick={() =>
              run(halted ? CommandIDs.startService : CommandIDs.stopService)
            }
          />
          <IconButton
            icon={logIcon}
            label={trans.__('Log of %1', name)}
            onClick={() => run(CommandIDs.showLog)}
          />
        </span>
      </div>
      <div className="jp-Headrace-row jp-Headrace-quiet">
        <span>{text}</span>
        <code
          className="jp-Headrace-commit"
          title={trans.__('Commit %1', service.commit)}
        >
          {shortCommit(service.commit)}
        </code>
        <span title={trans._n('%1 replica', '%1 replicas', service.replicas)}>
          ×{service.replicas}
        </span>
      </div>
      {service.message !== '' && (
        <div className="jp-Headrace-message" title={service.message}>
          {service.message}
        </div>
      )}
      <Figures service={service} trans={trans} />
    </li>
  );
}

function Figures(props: {
  service: IService;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { service, trans } = props;
  return (
    <dl className="jp-Headrace-serviceFigures">
      <Figure label={trans.__('rate in')} value={rate(service.in_per_s)} />
      <Figure label={trans.__('rate out')} value={rate(service.out_per_s)} />
      <Figure label={trans.__('lag')} value={count(service.lag)} />
      <Figure label={trans.__('p50')} value={milliseconds(service.p50_ms)} />
      <Figure label={trans.__('p95')} value={milliseconds(service.p95_ms)} />
      <Figure label={trans.__('p99')} value={milliseconds(service.p99_ms)} />
      <Figure
        label={trans.__('commit')}
        value={milliseconds(service.transaction_ms)}
        title={trans.__('Mean time to send and commit a batch')}
      />
      <Figure
        label={trans.__('batch')}
        value={count(service.batch_records)}
        title={trans.__('Mean records in a batch')}
      />
      {service.watermark_delay_s !== null && (
        <Figure
          label={trans.__('behind')}
          value={span(service.watermark_delay_s)}
          title={trans.__('How far event time is behind the clock')}
        />
      )}
      {service.remembered_rows > 0 && (
        <Figure
          label={trans.__('kept')}
          value={bytes(service.remembered_bytes)}
          title={trans._n(
            '%1 row of lookbacks, windows and states',
            '%1 rows of lookbacks, windows and states',
            service.remembered_rows
          )}
        />
      )}
      <Figure label={trans.__('in')} value={count(service.records_in)} />
      <Figure label={trans.__('out')} value={count(service.records_out)} />
      <Figure
        label={trans.__('failed')}
        value={count(service.failed)}
        alarm={!!service.failed}
      />
      {!!service.late && (
        <Figure label={trans.__('late')} value={count(service.late)} alarm />
      )}
      {service.restarts > 0 && (
        <Figure
          label={trans.__('restarts')}
          value={count(service.restarts)}
          alarm
        />
      )}
    </dl>
  );
}

function Figure(props: {
  label: string;
  value: string;
  alarm?: boolean;
  title?: string;
}): React.JSX.Element {
  return (
    <div
      className={props.alarm ? 'jp-mod-failed' : undefined}
      title={props.title}
    >
      <dt>{props.label}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}
