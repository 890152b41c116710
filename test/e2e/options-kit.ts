import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import type { TurnResponse } from "@claudeway/schemas";
import { type Answer, type RequestOptions, type StartOptions, TestGateway } from "./gateway.js";
import { startWiretap, type Wiretap } from "./wiretap.js";

/** A request of the CLI to the model API, as far as the tests look at it. */
export interface SentRequest {
  readonly model: string;
  readonly system: unknown;
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
  readonly tools: readonly { readonly name: string; readonly description?: string }[];
  readonly thinking?: Readonly<Record<string, unknown>>;
  readonly metadata?: { readonly user_id: string };
  readonly output_config?: Readonly<Record<string, unknown>>;
}

/** An answer, and what the model API was asked for it. */
export interface Asked {
  readonly answer: Answer<TurnResponse>;
  readonly sent: readonly SentRequest[];
}

/** `[keys.admin]` may send everything. */
export const ALLOW_ALL = `[keys.admin]
allow = ["mcp_servers", "agents", "tools", "allowed_tools", "additional_dirs"]
`;

/** A gateway whose requests to the model API are recorded. */
export class OptionsGateway {
  private constructor(
    readonly gateway: TestGateway,
    readonly model: ScriptedModel,
    private readonly wiretap: Wiretap,
    /** The environment of the gateway, for a start with other options. */
    readonly env: StartOptions["env"] & object,
  ) {}

  static async start(options: StartOptions = {}): Promise<OptionsGateway> {
    const model = await startScriptedModel();
    const wiretap = await startWiretap(model.url);
    const env = { IS_SANDBOX: "1", ...options.env, ANTHROPIC_BASE_URL: wiretap.url };
    try {
      return new OptionsGateway(await TestGateway.start({ ...options, env }), model, wiretap, env);
    } catch (error) {
      wiretap.close();
      await model.close();
      throw error;
    }
  }

  async dispose(): Promise<void> {
    await this.gateway.dispose();
    this.wiretap.close();
    await this.model.close();
  }

  /** Sends a prompt. */
  async ask(path: string, body: object, options: RequestOptions = {}): Promise<Asked> {
    const before = this.wiretap.bodies.length;
    const answer = await this.gateway.request<TurnResponse>(path, { body, ...options });
    const { session_id: id } = answer.body;
    // Background work of other sessions may ask at the same time.
    return { answer, sent: this.sentSince(before).filter(({ metadata }) => metadata?.user_id.includes(id)) };
  }

  /** The bodies of all requests that the model API has had, oldest first. */
  get bodies(): readonly string[] {
    return this.wiretap.bodies;
  }

  /** How many requests the model API has had. */
  get count(): number {
    return this.wiretap.bodies.length;
  }

  /** The requests for messages since then; those for titles and the like are left out. */
  sentSince(before: number): SentRequest[] {
    return this.wiretap.bodies.slice(before).flatMap((body) => {
      const sent: Partial<SentRequest> = body.startsWith("{") ? JSON.parse(body) : {};
      return isMain(sent) ? [sent] : [];
    });
  }
}

function isMain(sent: Partial<SentRequest>): sent is SentRequest {
  return sent.tools !== undefined && sent.messages !== undefined && sent.model !== undefined;
}

export function toolNames(sent: SentRequest | undefined): string[] {
  return (sent?.tools ?? []).map(({ name }) => name);
}
