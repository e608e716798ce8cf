import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { RequestError } from './error';

/** The namespace of the routes on the Jupyter server. */
export const NAMESPACE = 'headrace';

/** The body of an error answer. */
interface IErrorBody {
  message?: unknown;
  hint?: unknown;
}

/**
 * Send one request to the server extension.
 *
 * @param path The route below the namespace, its parts already encoded.
 * @param init Method and body.
 * @param settings The connection to the Jupyter server.
 * @returns The decoded JSON answer.
 * @throws RequestError with the server's message and hint, whatever failed.
 */
export async function request<T>(
  path: string,
  init: RequestInit,
  settings: ServerConnection.ISettings
): Promise<T> {
  const url = URLExt.join(settings.baseUrl, NAMESPACE) + '/' + path;
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(url, init, settings);
  } catch (error) {
    throw new RequestError(
      'The Jupyter server does not answer.',
      error instanceof Error ? error.message : String(error)
    );
  }
  const text = await response.text();
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  if (!response.ok) {
    throw refusal(response, body as IErrorBody | null);
  }
  if (body === null) {
    throw new RequestError(
      `The answer to \`${path}\` is not JSON.`,
      'Check that the Headrace server extension is enabled: `jupyter server extension list`.',
      response.status
    );
  }
  return body as T;
}

function refusal(response: Response, body: IErrorBody | null): RequestError {
  const message =
    typeof body?.message === 'string' && body.message !== ''
      ? body.message
      : `The server answered ${response.status} ${response.statusText}.`;
  const hint = typeof body?.hint === 'string' ? body.hint : '';
  return new RequestError(message, hint, response.status);
}
