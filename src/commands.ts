/** The identifiers of all commands, `headrace:verb-noun`. */
export namespace CommandIDs {
  /** Show the side panel. */
  export const openPanel = 'headrace:open-panel';
  /** Read streams, topics and services again. */
  export const refresh = 'headrace:refresh';
  /** Bring a stream's cell into view; argument `stream`. */
  export const showStream = 'headrace:show-stream';
  /** Commit a stream of the current notebook; argument `stream`, else the active cell's. */
  export const commitStream = 'headrace:commit-stream';
  /** Deploy a committed stream; argument `stream`, else the active cell's. */
  export const deployStream = 'headrace:deploy-stream';
  /** Open the newest records of a topic; argument `topic`, else asked for. */
  export const showRecords = 'headrace:show-records';
  /** Start a service; argument `service`, else asked for. */
  export const startService = 'headrace:start-service';
  /** Stop a service; argument `service`, else asked for. */
  export const stopService = 'headrace:stop-service';
  /** Open the log of a service; argument `service`, else asked for. */
  export const showLog = 'headrace:show-log';
}
