import baseConfig from '@jupyterlab/galata/lib/playwright-config';
import { defineConfig } from '@playwright/test';
import { execFileSync } from 'node:child_process';

/** Prints a free port of this machine. */
const FREE_PORT = `
  const server = require('node:net').createServer();
  server.listen(0, '127.0.0.1', () => {
    console.log(server.address().port);
    server.close();
  });
`;

/** With a port given, a server that listens there already is used. */
const given = process.env.HEADRACE_UI_PORT !== undefined;

// Workers read this file again; they inherit the port by the environment.
process.env.HEADRACE_UI_PORT ??= execFileSync(process.execPath, [
  '--eval',
  FREE_PORT
])
  .toString()
  .trim();
const port = process.env.HEADRACE_UI_PORT;
const url = `http://127.0.0.1:${port}`;
const chromium =
  process.env.HEADRACE_CHROMIUM === undefined
    ? '/usr/bin/chromium'
    : process.env.HEADRACE_CHROMIUM || undefined;

export default defineConfig({
  ...baseConfig,
  reporter: [['list'], ['html', { open: 'never' }]],
  testDir: './tests',
  timeout: 600_000,
  expect: { timeout: 40_000 },
  retries: 0,
  workers: 1,
  use: {
    ...baseConfig.use,
    baseURL: url,
    launchOptions: {
      executablePath: chromium,
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : []
    },
    locale: 'en-GB',
    timezoneId: 'UTC',
    screenshot: 'only-on-failure',
    trace: 'off',
    video: 'off',
    viewport: { width: 1280, height: 800 }
  },
  webServer: {
    command: `${process.env.HEADRACE_PYTHON ?? 'python'} serve.py ${port}`,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 60_000 },
    reuseExistingServer: given,
    stdout: 'ignore',
    timeout: 180_000,
    url: `${url}/lab`
  }
});
