import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@jupyterlab/galata';

import { LAB } from '../pages/lab';
import { PanelPage } from '../pages/panel';
import { photograph } from '../pages/shots';

const STREAM = 'late_flights';

test.use(LAB);

test('a notebook cell becomes a running service, by clicks', async ({
  page
}) => {
  const panel = new PanelPage(page);
  const preview = page.getByRole('region', { name: `Preview of ${STREAM}` });
  const stream = panel.stream(STREAM);
  const service = panel.service(STREAM);

  await test.step('run the cells and see before and after', async () => {
    await page.goto('?reset');
    await page.filebrowser.open('delays.ipynb');
    await panel.open();
    await expect(panel.topic('flights')).toBeVisible();
    await expect(page.getByText('(ipykernel) | Idle')).toBeVisible();
    await page.getByText('%%stream').click();
    await page.menu.clickMenuItem('Run>Run All Cells');
    await expect(preview).toContainText('500 →');
    await expect(preview).toContainText('filtered');
    await expect(preview.getByRole('region', { name: 'Before' })).toContainText(
      'dep_delay'
    );
    await expect(preview.getByRole('region', { name: 'After' })).toContainText(
      '+speed'
    );
    await expect(stream).toContainText('batch equals stream');
    await expect(stream).toContainText('uncommitted');
    await expect(stream).toContainText('500 →');
  });

  await test.step('commit from the notebook toolbar', async () => {
    const toolbar = page.locator('.jp-NotebookPanel-toolbar');
    await toolbar.getByRole('button', { name: /^Commit/ }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText(`streams/${STREAM}/transform.py`);
    await expect(dialog.getByLabel('Message')).toHaveValue(/late_flights: /);
    await photograph(page, 'commit');
    await dialog.getByRole('button', { name: 'Commit' }).click();
    await expect(stream).toContainText(/committed [0-9a-f]{7}/);
  });

  await test.step('deploy from the panel', async () => {
    await stream.getByRole('button', { name: 'Deploy' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText('flights.late');
    await dialog.getByRole('button', { name: 'Deploy' }).click();
    await expect(service).toHaveAttribute('data-state', 'running', {
      timeout: 60_000
    });
  });

  await test.step('watch records arrive', async () => {
    await expect
      .poll(() => panel.figure(STREAM, 'out'), { timeout: 60_000 })
      .toBeGreaterThan(15_000);
    await expect
      .poll(() => panel.figure(STREAM, 'rate out'))
      .toBeGreaterThan(0);
    await expect.poll(() => panel.figure(STREAM, 'lag')).toBeLessThan(2_000);
    const before = await panel.figure(STREAM, 'out');
    await expect
      .poll(() => panel.figure(STREAM, 'out'))
      .toBeGreaterThan(before);
    await expect(panel.topic('flights.late')).toContainText('/s');
  });

  await test.step('look the same in both themes', async () => {
    await preview.scrollIntoViewIfNeeded();
    await expect(page.locator('.Toastify__toast')).toHaveCount(0);
    await photograph(page, 'panel-light');
    await page.theme.setDarkTheme();
    await photograph(page, 'panel-dark');
    await page.theme.setLightTheme();
  });

  await test.step('fit into 250 and 1200 pixels', async () => {
    const usual = page.viewportSize();
    await page.setViewportSize({ width: 1600, height: 800 });
    for (const width of [250, 1200, 250]) {
      await page.sidebar.setWidth(width, 'left');
      const sections = panel.root.locator('.jp-Headrace-section');
      const overflows = await sections.evaluateAll(nodes =>
        nodes.filter(node => node.scrollWidth > node.clientWidth)
      );
      expect(overflows).toHaveLength(0);
      await expect(stream).toContainText('batch equals stream');
    }
    if (usual !== null) {
      await page.setViewportSize(usual);
    }
  });

  await test.step('be accessible', async () => {
    const found = await new AxeBuilder({ page })
      .include('#headrace-panel')
      .include('.jp-Headrace-preview')
      .analyze();
    expect(found.violations).toEqual([]);
  });

  await test.step('read the newest records of the output', async () => {
    await panel
      .topic('flights.late')
      .getByRole('button', { name: 'flights.late' })
      .click();
    const records = page.getByRole('table', {
      name: 'Records of flights.late'
    });
    await expect(records.getByRole('row').nth(1)).toContainText('speed');
    await photograph(page, 'records');
  });

  await test.step('read the log, stop the service', async () => {
    await service.getByRole('button', { name: `Log of ${STREAM}` }).click();
    await expect(page.getByRole('log')).toContainText(STREAM);
    await service.getByRole('button', { name: `Stop ${STREAM}` }).click();
    await expect(service).toHaveAttribute('data-state', 'stopped');
    await expect(
      service.getByRole('button', { name: `Start ${STREAM}` })
    ).toBeVisible();
  });

  await test.step('a reload keeps the panel as it was', async () => {
    const kept = page.waitForResponse(
      response =>
        response.request().method() === 'PUT' &&
        response.url().includes('/api/workspaces/')
    );
    await panel.heading(/Topics/).click();
    await expect(panel.topic('flights')).toBeHidden();
    await kept;
    await page.reload();
    await expect(panel.root).toBeVisible();
    await expect(service).toHaveAttribute('data-state', 'stopped');
    await expect(panel.topic('flights')).toBeHidden();
    await panel.heading(/Topics/).click();
    await expect(panel.topic('flights')).toBeVisible();
  });
});
