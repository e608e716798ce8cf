import type { IStateDB } from '@jupyterlab/statedb';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

/** Where the state of the panel is kept in the workspace. */
const KEY = 'headrace:panel';

/** The headings that are closed, kept in the workspace over a reload. */
export class PanelState {
  constructor(database: IStateDB | null) {
    this._database = database;
  }

  /** What was kept has been read. */
  get restored(): ISignal<this, void> {
    return this._restored;
  }

  /** Read what was kept. */
  async restore(): Promise<void> {
    const kept = (await this._database?.fetch(KEY)) as
      ReadonlyPartialJSONObject | undefined;
    const closed = kept?.closed;
    this._closed = new Set(
      Array.isArray(closed)
        ? closed.filter((id): id is string => typeof id === 'string')
        : []
    );
    this._restored.emit();
  }

  /** Whether a section was left open. */
  isOpen(id: string): boolean {
    return !this._closed.has(id);
  }

  /** Keep whether a section is open. */
  async setOpen(id: string, open: boolean): Promise<void> {
    if (open) {
      this._closed.delete(id);
    } else {
      this._closed.add(id);
    }
    await this._database?.save(KEY, { closed: [...this._closed] });
  }

  private _closed = new Set<string>();
  private _database: IStateDB | null;
  private _restored = new Signal<this, void>(this);
}
