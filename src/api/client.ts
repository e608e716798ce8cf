import { ServerConnection } from '@jupyterlab/services';

import type { IClient } from '../tokens';
import { request } from './request';
import type * as API from './types';

/** The typed REST client of the server extension. */
export class Client implements IClient {
  constructor(settings?: ServerConnection.ISettings) {
    this._settings = settings ?? ServerConnection.makeSettings();
  }

  topics(notebook: string | null): Promise<API.ITopics> {
    return this._get(`topics?${query({ notebook })}`);
  }

  async records(
    topic: string,
    limit: number,
    notebook: string | null
  ): Promise<API.IRecord[]> {
    const { records } = await this._get<{ records: API.IRecord[] }>(
      `topics/${encodeURIComponent(topic)}/records?${query({ limit, notebook })}`
    );
    return records;
  }

  async streams(notebook: string): Promise<API.IStream[]> {
    const { streams } = await this._get<{ streams: API.IStream[] }>(
      `streams?${query({ notebook })}`
    );
    return streams;
  }

  preview(id: string): Promise<API.IPreview> {
    return this._get(`previews/${encodeURIComponent(id)}`);
  }

  async declare(magic: string, options: string): Promise<string> {
    const answer = await this._post<{ magic: string }>('declare', {
      magic,
      options
    });
    return answer.magic;
  }

  commit(body: API.ICommitRequest): Promise<API.ICommit> {
    return this._post('commit', body);
  }

  deploy(body: API.IDeployRequest): Promise<API.IService> {
    return this._post('deploy', body);
  }

  async services(): Promise<API.IService[]> {
    const { services } = await this._get<{ services: API.IService[] }>(
      'services'
    );
    return services;
  }

  start(service: string): Promise<API.IService> {
    return this._post(`services/${encodeURIComponent(service)}/start`, {});
  }

  stop(service: string): Promise<API.IService> {
    return this._post(`services/${encodeURIComponent(service)}/stop`, {});
  }

  async logs(service: string, lines: number): Promise<string[]> {
    const answer = await this._get<{ lines: string[] }>(
      `services/${encodeURIComponent(service)}/logs?${query({ lines })}`
    );
    return answer.lines;
  }

  private _get<T>(path: string): Promise<T> {
    return request<T>(path, { method: 'GET' }, this._settings);
  }

  private _post<T>(path: string, body: object): Promise<T> {
    return request<T>(
      path,
      { method: 'POST', body: JSON.stringify(body) },
      this._settings
    );
  }

  private _settings: ServerConnection.ISettings;
}

/** The query part of a route; null leaves a parameter out. */
function query(values: Record<string, string | number | null>): string {
  const given = Object.entries(values).filter(([, value]) => value !== null);
  return new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, String(value)])
  ).toString();
}
