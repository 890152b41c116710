import type { PluginScope } from "@claudeway/core";
import { givenTo, schemaOf } from "./fields.js";
import { reporter } from "./progress.js";
import type { Prompts } from "./prompts.js";
import { notFound } from "./refusals.js";
import { type Resources, URI_TEMPLATE } from "./resources.js";
import { shownError, toRpcError } from "./rpc-error.js";
import type { Sdk } from "./sdk.js";
import type { Call, Tool, ToolAnswer, ToolCall } from "./tool.js";

const INSTRUCTIONS =
  "Runs Claude Code on a gateway. run_task does one piece of work; start_task and get_task do the same for work that takes long. session_start and session_prompt hold a conversation that has a folder of its own; the files in it are resources. A tool call that needs a person's decision waits: see list_approvals.";

export interface ServerParts {
  readonly tools: readonly Tool[];
  readonly resources: Resources;
  readonly prompts: Prompts;
  readonly version: string;
  readonly log: PluginScope["log"];
}

/** The request of a session that has this id; it is being answered. */
export type FindCall = (requestId: string | number) => Call;

/** The server of one session: what its client may ask for. */
export function createServer(sdk: Sdk, parts: ServerParts, callOf: FindCall) {
  const { tools, resources, prompts, version, log } = parts;
  const { types, jsonSchemaValidator } = sdk;
  const server = new sdk.Server(
    { name: "claudeway", title: "Claudeway", version },
    {
      capabilities: { tools: {}, resources: {}, prompts: {} },
      instructions: INSTRUCTIONS,
      jsonSchemaValidator,
    },
  );
  /** Answers with a result, or with an error that a client may see. */
  const answer = async <Result>(ask: () => Promise<Result>): Promise<Result> => {
    try {
      return await ask();
    } catch (error) {
      throw toRpcError(error, log);
    }
  };
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({ tools: tools.map(describe) }));
  server.setRequestHandler(
    types.CallToolRequestSchema,
    async ({ params }, { requestId, sendNotification }) => {
      const call = callOf(requestId);
      const token = params._meta?.progressToken;
      const report = reporter((note) => {
        if (token === undefined || call.signal.aborted) return;
        const notification = {
          method: "notifications/progress" as const,
          params: { progressToken: token, ...note },
        };
        sendNotification(notification).catch((error: unknown) =>
          log.debug({ err: error }, "no progress sent"),
        );
      });
      return callTool(tools, params, { ...call, report }, log);
    },
  );
  server.setRequestHandler(types.ListResourcesRequestSchema, ({ params }, { requestId }) =>
    answer(() => resources.list(callOf(requestId).caller, params?.cursor)),
  );
  server.setRequestHandler(types.ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [
      {
        uriTemplate: URI_TEMPLATE,
        name: "session file",
        title: "File of a session",
        description: "A file in the folder of a session, or a list of a folder.",
      },
    ],
  }));
  server.setRequestHandler(types.ReadResourceRequestSchema, ({ params }, { requestId }) =>
    answer(() => resources.read(callOf(requestId).caller, params.uri)),
  );
  server.setRequestHandler(types.ListPromptsRequestSchema, () => answer(() => prompts.list()));
  server.setRequestHandler(types.GetPromptRequestSchema, ({ params }) =>
    answer(() => prompts.get(params.name, params.arguments)),
  );
  return server;
}

function describe({ name, title, description, fields, readOnly = false, destructive = false }: Tool) {
  return {
    name,
    title,
    description,
    inputSchema: schemaOf(fields),
    annotations: { title, readOnlyHint: readOnly, ...(!readOnly && { destructiveHint: destructive }) },
  };
}

/** The result of a call. Errors are results too: the client's model reads them. */
async function callTool(
  tools: readonly Tool[],
  params: { readonly name: string; readonly arguments?: unknown },
  call: ToolCall,
  log: PluginScope["log"],
) {
  try {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool === undefined) throw notFound(`no such tool: ${params.name.slice(0, 100)}`);
    return resultOf(await tool.run(givenTo(tool.fields, params.arguments), call));
  } catch (error) {
    const { code, message } = shownError(error, log);
    return resultOf({ text: `${code}: ${message}`, data: { code, error: message }, failed: true });
  }
}

function resultOf({ text, data, failed = false }: ToolAnswer) {
  return {
    content: [{ type: "text" as const, text }],
    structuredContent: { ...data },
    ...(failed && { isError: true }),
  };
}
