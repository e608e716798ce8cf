import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import type { IClient } from '../../tokens';
import { PREVIEW_MIME, RenderedPreview } from '../renderer';

describe('RenderedPreview', () => {
  it.each([null, 'text', {}, { id: 1 }, { id: 'a', stream: 's', source: 't' }])(
    'says so when a notebook holds something else: %p',
    async data => {
      const preview = jest.fn();
      const widget = new RenderedPreview({
        client: { preview } as Partial<IClient> as IClient,
        commands: new CommandRegistry(),
        limit: () => 10,
        trans: nullTranslator.load('headrace')
      });
      Widget.attach(widget, document.body);
      await widget.renderModel({
        data: { [PREVIEW_MIME]: data },
        metadata: {},
        setData: () => undefined,
        trusted: false
      });
      await new Promise(resolve => requestAnimationFrame(resolve));
      await widget.renderPromise;
      expect(widget.node.textContent).toContain('not a preview of Headrace');
      expect(preview).not.toHaveBeenCalled();
      widget.dispose();
    }
  );
});
