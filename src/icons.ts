import { LabIcon } from '@jupyterlab/ui-components';

import commit from '../style/icons/commit.svg';
import deploy from '../style/icons/deploy.svg';
import differs from '../style/icons/differs.svg';
import equal from '../style/icons/equal.svg';
import headrace from '../style/icons/headrace.svg';
import log from '../style/icons/log.svg';
import running from '../style/icons/running.svg';
import starting from '../style/icons/starting.svg';
import stopped from '../style/icons/stopped.svg';
import unproved from '../style/icons/unproved.svg';
import warning from '../style/icons/warning.svg';

/** The mark of Headrace: water led to a turbine. */
export const headraceIcon = new LabIcon({
  name: 'headrace:headrace',
  svgstr: headrace
});
/** Commit a stream. */
export const commitIcon = new LabIcon({
  name: 'headrace:commit',
  svgstr: commit
});
/** Deploy a stream. */
export const deployIcon = new LabIcon({
  name: 'headrace:deploy',
  svgstr: deploy
});
/** The log of a service. */
export const logIcon = new LabIcon({ name: 'headrace:log', svgstr: log });
/** Verdict: batch equals stream. */
export const equalIcon = new LabIcon({ name: 'headrace:equal', svgstr: equal });
/** Verdict: batch differs from stream. */
export const differsIcon = new LabIcon({
  name: 'headrace:differs',
  svgstr: differs
});
/** Verdict: the sample does not prove it. */
export const unprovedIcon = new LabIcon({
  name: 'headrace:unproved',
  svgstr: unproved
});
/** A running service. */
export const runningIcon = new LabIcon({
  name: 'headrace:running',
  svgstr: running
});
/** A service that starts. */
export const startingIcon = new LabIcon({
  name: 'headrace:starting',
  svgstr: starting
});
/** A stopped service. */
export const stoppedIcon = new LabIcon({
  name: 'headrace:stopped',
  svgstr: stopped
});
/** Something failed or is degraded. */
export const warningIcon = new LabIcon({
  name: 'headrace:warning',
  svgstr: warning
});
