import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';

import { problemOf } from '../api/error';
import {
  CommandIDs,
  recordArguments,
  streamArguments,
  suggestionArguments
} from '../commands';
import { StreamsSection } from '../panel/streamssection';
import { Streams } from '../streams/model';
import { IClient, IClusterModel, IPanel, IStreams } from '../tokens';
import { followSettings } from './settings';

/** Provides the streams of the current notebook. */
export const streamsPlugin: JupyterFrontEndPlugin<IStreams> = {
  id: 'headrace:streams',
  description: 'The streams of the notebook that was last in use.',
  autoStart: true,
  requires: [IClient, IClusterModel, INotebookTracker],
  optional: [ISettingRegistry],
  provides: IStreams,
  activate: (
    _: JupyterFrontEnd,
    client: IClient,
    cluster: IClusterModel,
    tracker: INotebookTracker,
    settings: ISettingRegistry | null
  ): IStreams => {
    const streams = new Streams(client, tracker);
    cluster.notebook = streams.notebook;
    streams.changed.connect(() => {
      cluster.notebook = streams.notebook ?? cluster.notebook;
    });
    void followSettings(settings, ({ saveAfterPreview }) => {
      streams.saveAfterPreview = saveAfterPreview;
    });
    return streams;
  }
};

/** Adds the section of the current notebook's streams to the panel. */
export const streamsSectionPlugin: JupyterFrontEndPlugin<void> = {
  id: 'headrace:streams-section',
  description: 'The streams of the current notebook in the side panel.',
  autoStart: true,
  requires: [IPanel, IStreams, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    panel: IPanel,
    model: IStreams,
    translator: ITranslator
  ): void => {
    const { commands } = app;
    const trans = translator.load('headrace');
    commands.addCommand(CommandIDs.showStream, {
      describedBy: streamArguments,
      label: trans.__('Show the Cell of a Stream'),
      execute: ({ stream }) => {
        if (typeof stream === 'string') {
          model.reveal(stream);
        }
      }
    });
    commands.addCommand(CommandIDs.applySuggestion, {
      describedBy: suggestionArguments,
      label: trans.__('Apply a Suggested Declaration'),
      execute: async ({ stream, options }) => {
        if (typeof stream === 'string' && typeof options === 'string') {
          try {
            await model.declare(stream, options);
          } catch (error) {
            panel.showProblem(problemOf(error));
          }
        }
      }
    });
    commands.addCommand(CommandIDs.runOnRecord, {
      describedBy: recordArguments,
      label: trans.__('Run a Cell on One Record'),
      execute: async ({ stream, record }) => {
        if (typeof stream === 'string' && typeof record === 'string') {
          await model.runOn(stream, record);
        }
      }
    });
    panel.addSection(new StreamsSection({ commands, model, trans }), 10);
    panel.refreshRequested.connect(() => void model.refresh());
  }
};
