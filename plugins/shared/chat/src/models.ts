import {
  type GatewayControl,
  type ModelName,
  Refusal,
  type RouteContext,
  type RouteState,
} from "@claudeway/core";
import Router from "@koa/router";
import { isFields } from "./fields.js";

/** What a client calls a model, and what that is. */
export interface ChatModel {
  /** As the client named it. */
  readonly name: string;
  /** As the CLI is given it. */
  readonly id: string;
  /** True: Claude Code with its tools and system prompt; false: only the model. */
  readonly agent: boolean;
}

const AGENT = "claude-code/";

/** Reads a model's name: `claude-code/sonnet` is the agent, `sonnet` the model. Aliases stand for either. */
export function toModel(name: string, aliases: Readonly<Record<string, string>>): ChatModel {
  const given = Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name;
  const agent = given.startsWith(AGENT);
  return { name, id: agent ? given.slice(AGENT.length) : given, agent };
}

/** A model in a list that clients of OpenAI and of Anthropic can both read. */
interface ListedModel {
  readonly id: string;
  readonly object: "model";
  readonly type: "model";
  readonly created: number;
  readonly created_at: string;
  readonly owned_by: string;
  readonly display_name: string;
}

/** When a model was published is not known. */
const CREATED = { created: 0, created_at: "1970-01-01T00:00:00Z" };

function listedModel(id: string, display_name: string): ListedModel {
  return { id, object: "model", type: "model", ...CREATED, owned_by: "anthropic", display_name };
}

/** Every model, as model and as agent, and the aliases; one list for both dialects. */
function listModels(models: readonly ModelName[], aliases: Readonly<Record<string, string>>) {
  const data = [
    ...models.map(({ id, name }) => listedModel(id, name)),
    ...Object.entries(aliases).map(([alias, model]) => listedModel(alias, `${alias} (${model})`)),
    ...models.map(({ id, name }) => listedModel(AGENT + id, `Claude Code with ${name}`)),
  ];
  return {
    object: "list",
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  } as const;
}

/** The plugins whose aliases hold for all of them, since their models are one list. */
const DIALECTS = ["openai", "anthropic"];

export function sharedAliases(control: Pick<GatewayControl, "plugins">): Readonly<Record<string, string>> {
  const on = control.plugins().filter(({ name, state }) => state === "on" && DIALECTS.includes(name));
  const entries = on.flatMap(({ config: { aliases } }) => (isFields(aliases) ? Object.entries(aliases) : []));
  return Object.fromEntries(
    entries.flatMap(([name, model]) => (typeof model === "string" ? [[name, model]] : [])),
  );
}

/** The list of models, and each of them, for both dialects. */
export function modelRoutes(
  control: Pick<GatewayControl, "models" | "plugins">,
): Router<RouteState, RouteContext> {
  const list = async () => listModels(await control.models(), sharedAliases(control));
  const router = new Router<RouteState, RouteContext>();
  router.get("/", async (ctx) => {
    ctx.body = await list();
  });
  router.get("/*name", async (ctx) => {
    const { name = "" } = ctx.params;
    const found = (await list()).data.find(({ id }) => id === name);
    if (found === undefined)
      throw new Refusal(404, `the model ${JSON.stringify(name.slice(0, 200))} does not exist`, {
        details: { param: "model", code: "model_not_found" },
      });
    ctx.body = found;
  });
  return router;
}
