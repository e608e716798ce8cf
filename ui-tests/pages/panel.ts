import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

/** The side panel as a user sees it. */
export class PanelPage {
  constructor(private readonly page: IJupyterLabPageFixture) {}

  /** The whole panel. */
  get root(): Locator {
    return this.page.getByRole('region', { name: 'Headrace', exact: true });
  }

  /** Open the panel in the left sidebar. */
  async open(): Promise<void> {
    if (!(await this.root.isVisible())) {
      await this.page.sidebar.openTab('headrace-panel');
    }
  }

  /** The heading of a section, which opens and closes it. */
  heading(name: RegExp): Locator {
    return this.root.locator('.lm-AccordionPanel-title').filter({
      hasText: name
    });
  }

  /** A stream of the current notebook. */
  stream(name: string): Locator {
    return this.root.locator(`[data-stream="${name}"]`);
  }

  /** A topic's line. */
  topic(name: string): Locator {
    return this.root.locator(`[data-topic="${name}"]`);
  }

  /** A service. */
  service(name: string): Locator {
    return this.root.locator(`[data-service="${name}"]`);
  }

  /** One figure of a service as a number, thousands separators and units taken off. */
  async figure(service: string, label: string): Promise<number> {
    const figure = this.service(service)
      .locator('dl > div')
      .filter({ has: this.page.getByText(label, { exact: true }) });
    const text = (await figure.locator('dd').textContent()) ?? '';
    return Number.parseFloat(text.replaceAll(',', ''));
  }
}
