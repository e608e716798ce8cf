import { ServerConnection } from '@jupyterlab/services';

import type { IClient } from '../tokens';
import { request } from './request';
import type * as API from './types';

/** The typed REST client of the server extension. */
export class Client implements IClient {
  constructor(settings?: ServerConnection.ISettings) {
    this._settings = settings ?? ServerConnection.makeSettings();
  }

  topics(): Promise<API.ITopics> {
    return this._get('topics');
  }

  async records(topic: string, limit: number): Promise<API.IRecord[]> {
    const { records } = await this._get<{ records: API.IRecord[] }>(
      `topics/${encodeURIComponent(topic)}/records?limit=${limit}`
    );
    return records;
  }

  async streams(notebook: string): Promise<API.IStream[]> {
    const { streams } = await this._get<{ streams: API.IStream[] }>(
      `streams?notebook=${encodeURIComponent(notebook)}`
    );
    return streams;
  }

  preview(id: string): Promise<API.IPreview> {
    return this._get(`previews/${encodeURIComponent(id)}`);
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
      `services/${encodeURIComponent(service)}/logs?lines=${lines}`
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
