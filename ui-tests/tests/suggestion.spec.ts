import { expect, test } from '@jupyterlab/galata';

import { LAB } from '../pages/lab';
import { PanelPage } from '../pages/panel';
import { photograph } from '../pages/shots';

const STREAM = 'changes';
const CELL = `%%stream ${STREAM} --from flights
df.assign(change=df.groupby("origin").dep_delay.diff())`;

/** A notebook of code cells, as a file has it. */
function notebook(...cells: string[]): string {
  return JSON.stringify({
    cells: cells.map((source, number) => ({
      cell_type: 'code',
      execution_count: null,
      id: `cell-${number}`,
      metadata: {},
      outputs: [],
      source
    })),
    metadata: {
      kernelspec: { name: 'python3', display_name: 'Python 3 (ipykernel)' }
    },
    nbformat: 4,
    nbformat_minor: 5
  });
}

test.use(LAB);

test('a suggestion is applied by one click, and undone by one key', async ({
  page
}) => {
  const panel = new PanelPage(page);
  const preview = page.getByRole('region', { name: `Preview of ${STREAM}` });
  const stream = panel.stream(STREAM);
  const editor = page.locator('.jp-Notebook .cm-content').nth(1);

  await page.goto('?reset');
  const text = notebook('%load_ext headrace', CELL);
  await page.contents.uploadContent(text, 'text', 'steps.ipynb');
  await page.filebrowser.open('steps.ipynb');
  await panel.open();
  await expect(page.getByText('(ipykernel) | Idle')).toBeVisible();
  await editor.click();
  await page.menu.clickMenuItem('Run>Run All Cells');

  await expect(preview).toContainText('differs');
  await expect(preview).toContainText('first at');
  await expect(preview).toContainText('--key origin --lookback 1rows');
  await expect(stream).toContainText('--key origin --lookback 1rows');
  await photograph(page, 'suggestion');

  await preview.getByRole('button', { name: 'Apply' }).click();
  await expect(editor).toContainText(
    `%%stream ${STREAM} --from flights --key origin --lookback 1rows`
  );
  await expect(preview).toContainText('batch equals stream');
  await expect(preview.getByRole('button', { name: 'Apply' })).toHaveCount(0);
  await expect(stream).toContainText('batch equals stream');

  const records = preview.getByRole('region', { name: 'Before' });
  await records.getByRole('rowheader').first().getByRole('button').click();
  const below = page.locator('.jp-Notebook .jp-Cell').nth(2);
  await expect(below).toContainText(`%run_on ${STREAM} `);
  await expect(below.locator('.jp-OutputArea-executeResult')).toContainText(
    'change'
  );
  await photograph(page, 'one-record');

  await editor.click();
  await page.keyboard.press('Control+z');
  await expect(editor).not.toContainText('--lookback');
  await expect(stream.getByRole('button', { name: 'Apply' })).toHaveCount(0);
});
