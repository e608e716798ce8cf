import type { test } from '@jupyterlab/galata';

/** How the tests meet JupyterLab: as users find it, nothing mocked. */
export const LAB: Parameters<typeof test.use>[0] = {
  autoGoto: false,
  mockState: false,
  // A reload comes back to the notebook, not to the launcher.
  waitForApplication: async ({ baseURL: _ }, use) => {
    await use(async page => {
      await page.locator('#jupyterlab-splash').waitFor({ state: 'detached' });
    });
  }
};
