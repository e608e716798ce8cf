import type { IStateDB } from '@jupyterlab/statedb';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

/** Where the state of the panel is kept in the workspace. */
const KEY = 'headrace:panel';

/** The headings that are closed, kept in the workspace over a reload. */
export class PanelState {
  constructor(database: IStateDB | null) {
    this._database = database;
  }

  /** Read what was kept; call once before sections are added. */
  async restore(): Promise<void> {
    const kept = (await this._database?.fetch(KEY)) as
      ReadonlyPartialJSONObject | undefined;
    const closed = kept?.closed;
    this._closed = new Set(
      Array.isArray(closed)
        ? closed.filter((id): id is string => typeof id === 'string')
        : []
    );
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
}
