import type { ReadonlyJSONObject } from '@lumino/coreutils';

/** The identifiers of all commands, `headrace:verb-noun`. */
export namespace CommandIDs {
  /** Show the side panel. */
  export const openPanel = 'headrace:open-panel';
  /** Read streams, topics and services again. */
  export const refresh = 'headrace:refresh';
  /** Bring a stream's cell into view; argument `stream`. */
  export const showStream = 'headrace:show-stream';
  /** Put options into a stream's magic line and run its cell; arguments `stream`, `options`. */
  export const applySuggestion = 'headrace:apply-suggestion';
  /** Run a stream's cell on one record of its sample; arguments `stream`, `record`. */
  export const runOnRecord = 'headrace:run-on-record';
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

/** The arguments of a command as JSON schema: one name, or none. */
function named(name: string, description: string): ICommandDescription {
  return {
    args: {
      type: 'object',
      properties: { [name]: { type: 'string', description } }
    }
  };
}

/** How a command describes its arguments. */
interface ICommandDescription {
  args: ReadonlyJSONObject;
}

/** For commands without arguments. */
export const noArguments: ICommandDescription = {
  args: { type: 'object', properties: {} }
};

/** For commands on a stream of the current notebook. */
export const streamArguments = named('stream', 'The name of the stream.');

/** For the command that changes a magic line. */
export const suggestionArguments: ICommandDescription = {
  args: {
    type: 'object',
    properties: {
      stream: { type: 'string', description: 'The name of the stream.' },
      options: {
        type: 'string',
        description: 'Options of the magic line, `--lookback 6h`.'
      }
    }
  }
};

/** For the command that runs a cell on one record. */
export const recordArguments: ICommandDescription = {
  args: {
    type: 'object',
    properties: {
      stream: { type: 'string', description: 'The name of the stream.' },
      record: { type: 'string', description: 'PARTITION:OFFSET.' }
    }
  }
};

/** For commands on a topic. */
export const topicArguments = named('topic', 'The name of the topic.');

/** For commands on a service. */
export const serviceArguments = named('service', 'The name of the service.');
