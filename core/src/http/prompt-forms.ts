import { requestOf, type SessionFiles, type TransferSlots, type Uploads } from "@claudeway/workdirs";
import { parseText, refuseCompressed } from "./body.js";
import { callerOf, type GatewayContext, type GatewayMiddleware } from "./context.js";
import { IncomingRequest } from "./incoming.js";

const PROMPT_ROUTE = /^\/(?:task|session\/(?!start\/?$)[^/]+)(?:\/stream)?\/?$/i;
/** Parsing a type costs more than all that is asked of most requests here. */
const FORM_TYPE = /^multipart\//i;

export interface PromptFormParts {
  readonly uploads: Uploads;
  readonly files: SessionFiles;
  readonly slots: TransferSlots;
  /** Bytes of a form's fields. */
  readonly maxFieldBytes: number;
}

/** Whether a request is a prompt with files. Such a body is not held in memory. */
export function isPromptForm(ctx: GatewayContext): boolean {
  const { method, headers } = ctx.req;
  if (method !== "POST" || !FORM_TYPE.test(headers["content-type"] ?? "")) return false;
  if (ctx.state.destination.to !== "gateway" || !PROMPT_ROUTE.test(ctx.path)) return false;
  return ctx.request.is("multipart/form-data") === "multipart/form-data";
}

/** Reads prompts that are sent as forms; other requests go to `parseJson`. The route gets the same body as from JSON. */
export function promptForms(parts: PromptFormParts, parseJson: GatewayMiddleware): GatewayMiddleware {
  const readForm = async (ctx: GatewayContext, req: IncomingRequest, next: () => Promise<unknown>) => {
    refuseCompressed(ctx);
    const upload = await receive(ctx, req, parts);
    try {
      const schema = /^\/task/i.test(ctx.path) ? "task-request" : "session-turn-request";
      const request = requestOf(upload.fields, schema, parsePart);
      ctx.request.body = { ...request, prompt: upload.withFiles(request["prompt"]) };
      // Two forms with the same parts are the same request, whatever separates the parts.
      ctx.request.rawBody = upload.digest;
      ctx.state.storeFiles = (session) => upload.storeIn(parts.files, session);
      await next();
    } finally {
      await upload.remove();
    }
  };
  return (ctx, next) => {
    const { req } = ctx;
    return isPromptForm(ctx) && req instanceof IncomingRequest
      ? readForm(ctx, req, next)
      : parseJson(ctx, next);
  };
}

async function receive(ctx: GatewayContext, request: IncomingRequest, parts: PromptFormParts) {
  const { uploads, slots, maxFieldBytes } = parts;
  const release = slots.take(callerOf(ctx).keyId);
  try {
    return await uploads.receive({ request, maxFieldBytes, refuse: (problem) => request.refuse(problem) });
  } finally {
    release();
  }
}

function parsePart(text: string): unknown {
  return parseText(Buffer.from(text), "the part request");
}
