import type { Cell } from '@jupyterlab/cells';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import {
  type INotebookTracker,
  type Notebook,
  NotebookActions,
  type NotebookPanel
} from '@jupyterlab/notebook';
import { type ISignal, Signal } from '@lumino/signaling';

import { type IProblem, problemOf } from '../api/error';
import type { IStream } from '../api/types';
import type { IClient, IStreams } from '../tokens';

/** The first words of a cell that is a stream. */
const STREAM_CELL = /^\s*%%stream\s+(\S+)/;

/** What stands before the name on such a cell's magic line, and the rest of the line. */
const MAGIC_LINE = /^(\s*%%stream[ \t]+)(\S[^\r\n]*)/;

/** The name that a cell's magic line gives its stream, null for other cells. */
export function streamName(source: string): string | null {
  return STREAM_CELL.exec(source)?.[1] ?? null;
}

/**
 * The streams of the notebook that was last in use, as the server reads them.
 *
 * The server reads the file, so they are read again whenever the file is saved,
 * and, if `saveAfterPreview` is set, the notebook is saved when one of its
 * streams has run.
 */
export class Streams implements IStreams {
  constructor(client: IClient, tracker: INotebookTracker) {
    this._client = client;
    tracker.currentChanged.connect((_, panel) => this._follow(panel));
    NotebookActions.executed.connect((_, { cell, notebook }) =>
      this._executed(cell, notebook)
    );
    this._follow(tracker.currentWidget);
  }

  /** Whether to save the notebook after one of its streams has run. */
  saveAfterPreview = true;

  get notebook(): string | null {
    return this._panel?.context.localPath ?? null;
  }

  get streams(): ReadonlyArray<IStream> {
    return this._streams;
  }

  get problem(): IProblem | null {
    return this._problem;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  current(): IStream | null {
    const active = this._panel?.content.activeCell?.model.sharedModel.source;
    const name = streamName(active ?? '');
    const found = this._streams.find(stream => stream.name === name);
    return found ?? (this._streams.length === 1 ? this._streams[0] : null);
  }

  async save(): Promise<void> {
    if (this._panel?.context.model.dirty) {
      await this._panel.context.save();
    }
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const notebook = this.notebook;
    let streams: IStream[] = [];
    let problem: IProblem | null = null;
    if (notebook !== null) {
      try {
        streams = await this._client.streams(notebook);
      } catch (error) {
        problem = problemOf(error);
      }
    }
    if (notebook === this.notebook) {
      this._streams = streams;
      this._problem = problem;
      this._changed.emit();
    }
  }

  reveal(stream: string): void {
    const notebook = this._panel?.content;
    const index = this._indexOf(stream);
    if (notebook && index >= 0) {
      notebook.activeCellIndex = index;
      void notebook.scrollToItem(index, 'smart');
    }
  }

  async declare(stream: string, options: string): Promise<void> {
    const panel = this._panel;
    const index = this._indexOf(stream);
    const cell = panel?.content.widgets[index]?.model;
    const source = cell?.sharedModel.source ?? '';
    const [, before, magic] = MAGIC_LINE.exec(source) ?? [];
    if (!panel || !cell || magic === undefined) {
      return;
    }
    const changed = await this._client.declare(magic.trim(), options);
    if (cell.sharedModel.source === source) {
      const end = before.length + magic.length;
      cell.sharedModel.updateSource(before.length, end, changed);
      panel.content.deselectAll();
      panel.content.activeCellIndex = panel.content.widgets.findIndex(
        ({ model }) => model === cell
      );
      await NotebookActions.run(panel.content, panel.sessionContext);
    }
  }

  async runOn(stream: string, record: string): Promise<void> {
    const panel = this._panel;
    const index = this._indexOf(stream);
    if (!panel || index < 0) {
      return;
    }
    const notebook = panel.content;
    const magic = `%run_on ${stream} `;
    const below = notebook.widgets[index + 1]?.model.sharedModel.source ?? '';
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    const reused = below.startsWith(magic) && !below.trimEnd().includes('\n');
    if (reused) {
      notebook.activeCellIndex = index + 1;
    } else {
      NotebookActions.insertBelow(notebook);
    }
    notebook.activeCell?.model.sharedModel.setSource(magic + record);
    await NotebookActions.run(notebook, panel.sessionContext);
  }

  private _indexOf(stream: string): number {
    const cells = this._panel?.content.widgets ?? [];
    return cells.findIndex(
      ({ model }) => streamName(model.sharedModel.source) === stream
    );
  }

  private _follow(panel: NotebookPanel | null): void {
    this._panel?.context.saveState.disconnect(this._saved, this);
    this._panel?.context.pathChanged.disconnect(this.refresh, this);
    this._panel = panel;
    this._streams = [];
    panel?.context.saveState.connect(this._saved, this);
    panel?.context.pathChanged.connect(this.refresh, this);
    this._changed.emit();
    void this.refresh();
  }

  private _saved(_: unknown, state: DocumentRegistry.SaveState): void {
    if (state === 'completed') {
      void this.refresh();
    }
  }

  private _executed(cell: Cell, notebook: Notebook): void {
    if (
      notebook === this._panel?.content &&
      streamName(cell.model.sharedModel.source) !== null
    ) {
      void (this.saveAfterPreview ? this.save() : this.refresh());
    }
  }

  private _changed = new Signal<this, void>(this);
  private _client: IClient;
  private _panel: NotebookPanel | null = null;
  private _problem: IProblem | null = null;
  private _streams: IStream[] = [];
}
