const jestJupyterLab = require('@jupyterlab/testutils/lib/jest-config');

/** Packages that ship ES modules, which jest has to translate. */
const esModules = [
  '@codemirror',
  '@jupyter/react-components',
  '@jupyter/web-components',
  '@jupyter/ydoc',
  '@jupyterlab/',
  '@microsoft/',
  'exenv-es6',
  'lib0',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
].join('|');

module.exports = {
  ...jestJupyterLab(__dirname),
  collectCoverageFrom: ['src/**/*.{ts,tsx}', '!src/**/*.d.ts'],
  modulePathIgnorePatterns: [
    '<rootDir>/.venv/',
    '<rootDir>/build/',
    '<rootDir>/python/.*/labextension'
  ],
  reporters: ['default'],
  testPathIgnorePatterns: ['/node_modules/', '/.venv/', '<rootDir>/ui-tests/'],
  testRegex:
    'src/.*/__tests__/.*\\.spec\\.tsx?$|src/__tests__/.*\\.spec\\.tsx?$',
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
