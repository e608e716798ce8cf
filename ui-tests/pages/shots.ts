import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const DOCS = join(__dirname, '..', '..', 'docs', 'images');
const RESULTS = join(__dirname, '..', 'test-results', 'images');

/** Photograph the page; into the documentation's images where HEADRACE_SCREENSHOTS is 1. */
export async function photograph(
  page: IJupyterLabPageFixture,
  name: string
): Promise<void> {
  const folder = process.env.HEADRACE_SCREENSHOTS === '1' ? DOCS : RESULTS;
  mkdirSync(folder, { recursive: true });
  await page.mouse.move(0, 0);
  await page.screenshot({
    animations: 'disabled',
    path: join(folder, `${name}.png`)
  });
}
