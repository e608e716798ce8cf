import type { ISettingRegistry } from '@jupyterlab/settingregistry';

/** The plugin whose schema holds settings, toolbars and shortcuts. */
export const SETTINGS = 'headrace:panel';

/** Settings with their values, following changes. */
export interface ISettings {
  saveAfterPreview: boolean;
  previewRows: number;
  recordLimit: number;
}

/**
 * Call back with the settings now and after each change.
 *
 * @param registry Where settings are kept; without one nothing happens.
 * @param apply Takes the values; the schema has their defaults.
 */
export async function followSettings(
  registry: ISettingRegistry | null,
  apply: (settings: ISettings) => void
): Promise<void> {
  const settings = await registry?.load(SETTINGS);
  if (settings) {
    const read = (): void =>
      apply({
        saveAfterPreview: settings.get('saveAfterPreview').composite as boolean,
        previewRows: settings.get('previewRows').composite as number,
        recordLimit: settings.get('recordLimit').composite as number
      });
    settings.changed.connect(read);
    read();
  }
}
