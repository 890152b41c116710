import { rmSync } from "node:fs";
import type { TestGateway } from "@claudeway/testing";
import { debianProgram } from "../debian.js";
import { eventually } from "../e2e/poll.js";
import { pluginNames } from "../packaging/packed.js";
import { SAYS, StandIn } from "./cloudflare_tunnel/stand-in.js";
import { GitHost } from "./repos/git-host.js";
import { SlackServer } from "./slack/slack-server.js";
import { BotApiServer, CHAT_ID, TOKEN } from "./telegram/bot-api.js";

/** What gateways of trials are configured with besides the plugins' sections. */
export const TRIAL_CONFIG = { engine: { config_dirs: "per_key" } };

/** The names of all plugins that this repository ships. */
export const FIRST_PARTY = pluginNames();

/** A plugin's fake peer, its configuration for it, and a short use of the plugin. */
export interface Trial {
  readonly section?: Readonly<Record<string, unknown>>;
  /** Rejects if the plugin does not work. */
  use(gateway: TestGateway): Promise<unknown>;
  end?(): Promise<unknown>;
}

const TRIALS: Readonly<Record<string, () => Trial | Promise<Trial>>> = {
  anthropic: () => ({
    use: async (gateway) => {
      await good(gateway, "/v1/models");
      const messages = [{ role: "user", content: "hello" }];
      await good(gateway, "/v1/messages", { model: "sonnet", max_tokens: 100, messages });
    },
  }),
  approval: () => ({
    section: { rules: [{ deny: "Write", message: "not here" }] },
    use: async (gateway) => {
      const denied = await gateway.turn("[[write]]");
      if (denied.permission_denials?.length !== 1) throw new Error("the rule was not asked");
      const asked = gateway.turn("[[bash]]");
      await gateway.approvals.decide((await gateway.approvals.next()).id, "allow");
      return asked;
    },
  }),
  cloudflare_tunnel: () => {
    const standIn = new StandIn({ lines: SAYS.quick() });
    return {
      section: { cloudflared_bin: standIn.path },
      use: (gateway) =>
        eventually("the tunnel's address", () =>
          gateway.plugins().some(({ notices }) => notices.some((line) => line.includes("trycloudflare.com"))),
        ),
      end: async () => standIn.remove(),
    };
  },
  dashboard: () => ({
    use: async (gateway) => {
      await good(gateway, "/dashboard");
      await good(gateway, "/admin/overview");
      await good(gateway, "/admin/sessions?page=1&limit=10");
    },
  }),
  demo: () => ({ use: (gateway) => gateway.turn("hello") }),
  keys: () => ({
    use: async (gateway) => {
      const made = await gateway.fetch("/admin/keys", { body: { name: "trial" } });
      const { key_id: id, secret } = Object(await made.json());
      const headers = { "x-api-key": String(secret) };
      const task = await gateway.fetch("/task", { body: { prompt: "hello" }, key: null, headers });
      if (!task.ok) throw new Error(await task.text());
      await good(gateway, "/me");
      const gone = await gateway.fetch(`/admin/keys/${id}`, { method: "DELETE" });
      if (!gone.ok) throw new Error(await gone.text());
    },
  }),
  limits: () => ({
    section: {
      budgets: [{ name: "all", usd: 1000, window: "day", warn_at: [] }],
      rates: [{ name: "all", concurrent_turns: 1000, turns_per_minute: 100_000 }],
    },
    use: async (gateway) => {
      await gateway.turn("hello");
      await good(gateway, "/limits");
    },
  }),
  mcp: () => ({
    use: async (gateway) => {
      const headers = { accept: "application/json, text/event-stream" };
      const post = async (body: object, more: Record<string, string> = {}) => {
        const message = { jsonrpc: "2.0", id: 1, ...body };
        const response = await gateway.fetch("/mcp", { body: message, headers: { ...headers, ...more } });
        const text = await response.text();
        if (!response.ok || !text.includes('"result"')) throw new Error(`/mcp: ${response.status} ${text}`);
        return response.headers.get("mcp-session-id") ?? "";
      };
      const clientInfo = { name: "trial", version: "1" };
      const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
      const session = { "mcp-session-id": await post({ method: "initialize", params }) };
      const call = { name: "run_task", arguments: { prompt: "hello" } };
      await post({ method: "tools/call", params: call }, session);
    },
  }),
  openai: () => ({
    use: async (gateway) => {
      await good(gateway, "/v1/models");
      const messages = [{ role: "user", content: "hello" }];
      await good(gateway, "/v1/chat/completions", { model: "sonnet", messages });
    },
  }),
  repos: async () => {
    const host = await GitHost.start();
    host.create("acme/tool", { "a.txt": "1" });
    return {
      section: { repos_dir: `${host.root}-repos`, hosts: [host.host], schemes: ["http"] },
      use: async (gateway) => {
        await good(gateway, "/repos/sync", { url: host.url("acme/tool") });
        await good(gateway, "/repos");
        const task = await gateway.fetch("/task", { body: { prompt: "hello", workdir: "repo:acme/tool" } });
        if (!task.ok) throw new Error(await task.text());
      },
      end: async () => {
        await host.close();
        rmSync(`${host.root}-repos`, { recursive: true, force: true });
      },
    };
  },
  sandbox: async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
    return { use: (gateway) => gateway.turn("hello") };
  },
  slack: async () => {
    const server = await SlackServer.start();
    return {
      section: { webhook_url: server.url(), interval_ms: 10 },
      use: async (gateway) => {
        await gateway.turn("hello");
        await eventually("a message", () => server.posted.length > 0);
      },
      end: () => server.close(),
    };
  },
  swagger: () => ({
    use: async (gateway) => {
      await good(gateway, "/docs");
      await good(gateway, "/openapi.json");
    },
  }),
  telegram: async () => {
    const api = await BotApiServer.start();
    return {
      section: {
        bot_token: TOKEN,
        chat_id: String(CHAT_ID),
        api_root: api.url,
        edit_interval_ms: 20,
        poll_timeout_secs: 2,
        request_timeout_secs: 15,
        key_id: "user",
      },
      use: async () => {
        await eventually("a poll", () => api.polled);
        api.write("good morning", { thread: 7 });
        await eventually("an answer", () => api.find("You said: good morning"));
      },
      end: () => api.close(),
    };
  },
};

/** Sets up the trial of a plugin. Every plugin needs one. */
export async function trialOf(name: string): Promise<Trial> {
  const trial = TRIALS[name];
  if (trial === undefined) throw new Error(`test/plugins/first-party.ts has no trial of ${name}`);
  return trial();
}

async function good(gateway: TestGateway, path: string, body?: object): Promise<void> {
  const response = await gateway.fetch(path, body && { body });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
}
