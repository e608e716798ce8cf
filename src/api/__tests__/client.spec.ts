import { ServerConnection } from '@jupyterlab/services';

import { Client } from '../client';
import { problemOf, RequestError } from '../error';

/** A server that gives one answer and notes what it was asked. */
function serve(answer: Response | Error): {
  client: Client;
  requests: Request[];
} {
  const requests: Request[] = [];
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost/base/',
    fetch: async (request: RequestInfo | URL) => {
      requests.push(request as Request);
      if (answer instanceof Error) {
        throw answer;
      }
      return answer;
    }
  });
  return { client: new Client(settings), requests };
}

function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

describe('Client', () => {
  it('encodes names that come from Kafka', async () => {
    const { client, requests } = serve(json({ records: [] }));
    await client.records('../x?y=#', 5, 'a b/c&d.ipynb');
    const { pathname, searchParams } = new URL(requests[0].url);
    expect(pathname).toBe('/base/headrace/topics/..%2Fx%3Fy%3D%23/records');
    expect(searchParams.get('limit')).toBe('5');
    expect(searchParams.get('notebook')).toBe('a b/c&d.ipynb');
  });

  it('leaves out a notebook that there is not', async () => {
    const { client, requests } = serve(
      json({ cluster: { name: 'demo', address: 'h:1' }, topics: [] })
    );
    const { cluster } = await client.topics(null);
    expect(cluster.name).toBe('demo');
    expect(new URL(requests[0].url).searchParams.has('notebook')).toBe(false);
  });

  it('posts a commit', async () => {
    const { client, requests } = serve(json({ files: ['a'] }));
    await client.commit({ notebook: 'n', stream: 's', dry_run: true });
    expect(requests[0].method).toBe('POST');
    expect(await requests[0].json()).toEqual({
      notebook: 'n',
      stream: 's',
      dry_run: true
    });
  });

  it('gives message and hint of a refusal', async () => {
    const { client } = serve(
      json({ message: 'Topic `x` does not exist.', hint: 'Name one.' }, 404)
    );
    const error = await client.topics(null).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({ status: 404 });
    expect(problemOf(error)).toEqual({
      message: 'Topic `x` does not exist.',
      hint: 'Name one.'
    });
  });

  it.each([
    [new Response('<html>', { status: 502, statusText: 'Bad Gateway' }), '502'],
    [json({ message: { html: '<b>' } }, 500), '500'],
    [new Response('<html>', { status: 200 }), 'is not JSON'],
    [new TypeError('refused'), 'does not answer']
  ])('explains an answer that is not ours', async (answer, part) => {
    const { client } = serve(answer);
    await expect(client.services()).rejects.toThrow(part);
  });
});
