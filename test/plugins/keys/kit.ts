import {
  createTestGateway,
  type FetchOptions,
  type TestGateway,
  type TestGatewayOptions,
} from "@claudeway/testing";

/** A response with its parsed body. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A gateway with the plugin on. */
export class KeysGateway {
  private constructor(readonly gateway: TestGateway) {}

  static async start(
    section: Readonly<Record<string, unknown>> = {},
    { plugins = [], ...options }: TestGatewayOptions = {},
  ): Promise<KeysGateway> {
    return new KeysGateway(await createTestGateway({ ...options, plugins: [["keys", section], ...plugins] }));
  }

  async request(path: string, options?: FetchOptions): Promise<Reply> {
    const response = await this.gateway.fetch(path, options);
    return { status: response.status, headers: response.headers, body: Object(await response.json()) };
  }

  /** A request with the secret of a key that was made. */
  as(secret: string, path: string, options: FetchOptions = {}): Promise<Reply> {
    const headers = { ...options.headers, authorization: `Bearer ${secret}` };
    return this.request(path, { ...options, key: null, headers });
  }

  async make(
    settings: object = {},
  ): Promise<{ readonly id: string; readonly secret: string; readonly body: Reply["body"] }> {
    const { status, body } = await this.request("/admin/keys", { body: { name: "ci", ...settings } });
    if (status !== 201) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return { id: String(body["key_id"]), secret: String(body["secret"]), body };
  }
}
