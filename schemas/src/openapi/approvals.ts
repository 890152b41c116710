import { errorsOf } from "./errors.js";
import { EXAMPLES } from "./examples.js";
import { answer, keyed, PAGE } from "./operation.js";
import { body, headers, json, schemaRef } from "./parts.js";
import type { Operation, Part, PathItem } from "./types.js";

const APPROVAL_ID = pathId("approval_id", "The request's id.");

/** `/approvals…`: tool calls that wait for a person. */
export const approvals = () =>
  ({
    "/approvals": {
      get: keyed({
        operationId: "listApprovals",
        summary: "Lists the tool calls that wait, or waited, for a decision, newest first",
        description: "The caller's own; the admin's key lists all.",
        tag: "approvals",
        parameters: [
          {
            name: "status",
            in: "query",
            description: "Only approvals in this state.",
            schema: { type: "string", enum: ["pending", "allowed", "denied", "expired", "withdrawn"] },
          },
          ...PAGE,
        ],
        ok: answer("One page of them.", json("approval-list", { approvals: EXAMPLES.approvals })),
      }),
    },
    "/approvals/{approval_id}": {
      get: keyed({
        operationId: "getApproval",
        summary: "Shows a tool call that waits, or waited, for a decision",
        tag: "approvals",
        parameters: [APPROVAL_ID],
        ok: answer(
          "The request.",
          json("approval", { pending: EXAMPLES.approval, decided: EXAMPLES.decided }),
        ),
        errors: ["NOT_FOUND"],
      }),
      post: keyed({
        operationId: "decideApproval",
        summary: "Decides a pending tool call",
        description: "The first decision counts; later ones get 409, which names the first.",
        tag: "approvals",
        parameters: [APPROVAL_ID],
        requestBody: body("approval-decide-request", { allow: EXAMPLES.decide, deny: EXAMPLES.deny }),
        ok: answer("It is decided.", json("approval", { decided: EXAMPLES.decided })),
        errors: ["NOT_FOUND", "CONFLICT"],
      }),
    },
    "/approvals/grants": {
      get: keyed({
        operationId: "listGrants",
        summary: "Lists the calls that are allowed for the rest of their session, newest first",
        tag: "approvals",
        parameters: [
          {
            name: "session_id",
            in: "query",
            description: "Only those of this session.",
            schema: { type: "string", format: "uuid" },
          },
          ...PAGE,
        ],
        ok: answer("One page of them.", json("grant-list", { grants: EXAMPLES.grants })),
      }),
    },
    "/approvals/grants/{grant_id}": {
      delete: keyed({
        operationId: "revokeGrant",
        summary: "Revokes a grant: the call is asked about again",
        tag: "approvals",
        parameters: [pathId("grant_id", "The grant's id.")],
        ok: answer("The grant is revoked.", json("grant-revoked", { revoked: EXAMPLES.revoked })),
        errors: ["NOT_FOUND"],
      }),
    },
    "/approvals/link/{token}": {
      get: linkPage({
        operationId: "showApproval",
        summary: "Shows a page on which this one request can be decided",
        description: "The target of a signed link. Opening it decides nothing.",
        responses: {
          "200": page("The request is pending."),
          "404": page("The link is not valid, or has expired."),
          "410": page("The request was decided or has expired."),
        },
      }),
      post: linkPage({
        operationId: "decideByLink",
        summary: "Decides the request of a signed link",
        requestBody: {
          required: true,
          content: {
            "application/x-www-form-urlencoded": {
              schema: {
                type: "object",
                additionalProperties: true,
                required: ["decision"],
                properties: {
                  decision: { enum: ["allow", "deny"], description: "Whether the call runs." },
                  message: { type: "string", description: "With `deny`: the reason, shown to the model." },
                },
              },
            },
          },
        },
        responses: {
          "200": page("It is decided."),
          "404": page("The link is not valid, or has expired."),
          "4XX": {
            ...page("The decision was rejected; the page says why."),
            content: { ...html(), "application/json": { schema: schemaRef("error") } },
          },
        },
      }),
    },
  }) satisfies Record<string, PathItem>;

/** A page that is authenticated by a signed link instead of a key. */
function linkPage(told: Omit<Operation, "tags" | "security" | "parameters">): Operation {
  return {
    ...told,
    tags: ["approvals"],
    security: [],
    parameters: [
      {
        name: "token",
        in: "path",
        required: true,
        description: "The signature of the link.",
        schema: { type: "string" },
      },
    ],
    responses: { ...errorsOf(["HEADERS_TOO_LARGE"]), ...told.responses },
  };
}

function page(description: string): Part {
  return { description, headers: headers(), content: html() };
}

function html(): Part {
  return { "text/html": { schema: { type: "string" } } };
}

function pathId(name: string, description: string): Part {
  return { name, in: "path", required: true, description, schema: { type: "string", format: "uuid" } };
}
