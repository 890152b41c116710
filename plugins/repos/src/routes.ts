import type { ServerResponse } from "node:http";
import { type PathsObject, Refusal, type RouteContext, type RouteState } from "@claudeway/core";
import Router from "@koa/router";
import type { ReposConfig } from "./config.js";
import type { RepoRecord, RepoRecords } from "./records.js";
import { parseBranch, parseRemote, shown } from "./remote.js";
import { HostUnreachable, type Syncs } from "./syncs.js";

export interface RouteParts {
  readonly config: ReposConfig;
  readonly reposDir: string;
  readonly records: RepoRecords;
  readonly syncs: Syncs;
}

/** `/repos`: sync, list, delete. A key sees its own repositories only; the admin's list has those of all keys. */
export function repoRoutes({
  config,
  reposDir,
  records,
  syncs,
}: RouteParts): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  router.post("/sync", async (ctx) => {
    const { url, branch, submodules } = fieldsOf(ctx.request?.body);
    const remote = parseRemote(url, config);
    const request = { branch: parseBranch(branch), submodules: parseSubmodules(submodules) };
    try {
      ctx.body = await syncs.sync(keyOf(ctx.state), remote, request, whenGone(ctx.res));
    } catch (error) {
      if (!(error instanceof HostUnreachable)) throw error;
      ctx.status = 503;
      ctx.set("retry-after", "30");
      ctx.body = { error: error.message, code: "UNAVAILABLE" };
    }
  });
  router.get("/", (ctx) => {
    const { caller } = ctx.state;
    const repos = records.list(caller?.admin === true ? undefined : keyOf(ctx.state)).map(viewOf);
    ctx.body = { repos_dir: reposDir, repos };
  });
  router.delete("/*name", async (ctx) => {
    const { name = "" } = ctx.params;
    if (!(await syncs.remove(keyOf(ctx.state), name, whenGone(ctx.res))))
      throw new Refusal(404, "no such repository");
    ctx.body = { deleted: true, repo: name };
  });
  return router;
}

/** Aborts when the connection closes. */
function whenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  // It may have closed already; there is no event for that.
  if (response.destroyed) gone.abort();
  else response.once("close", () => gone.abort());
  return gone.signal;
}

function keyOf({ caller }: RouteState): string {
  if (caller === undefined) throw new Error("the routes of /repos require a key");
  return caller.keyId;
}

const FIELDS = ["url", "branch", "submodules"] as const;

function parseSubmodules(given: unknown): boolean | undefined {
  if (given === undefined || typeof given === "boolean") return given;
  throw new Refusal(400, `submodules must be true or false, got ${shown(given)}`);
}

function fieldsOf(body: unknown): Readonly<Partial<Record<(typeof FIELDS)[number], unknown>>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Refusal(400, "the body must be a JSON object with url, and branch and submodules if need be");
  }
  const unknown = Object.keys(body).find((field) => !FIELDS.some((known) => known === field));
  if (unknown === undefined) return body;
  throw new Refusal(
    400,
    `unknown field ${JSON.stringify(unknown.slice(0, 100))}; known fields: ${FIELDS.join(", ")}`,
  );
}

/** `name` without the host is what the forerunner's clients know; `repo` is the whole name. */
function viewOf({ name, keyId, path, branch, commit, url, syncedAt }: RepoRecord) {
  return {
    name: name.split("/").at(-1),
    repo: name,
    key_id: keyId,
    path,
    branch,
    commit,
    remote_url: url,
    synced_at: syncedAt,
  };
}

const text = (description: string) => ({ type: "string", description });
const json = (schema: object) => ({ "application/json": { schema } });
const object = (properties: Readonly<Record<string, object>>, required = Object.keys(properties)) => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});

const HEAD = {
  path: text("The folder with the files: a workdir for this key."),
  branch: text("The branch that is checked out."),
  commit: text("The commit that is checked out."),
};

const REPO = object({
  name: text("The last part of its name."),
  repo: text("Its whole name: the host and the path."),
  key_id: text("The key that it belongs to."),
  ...HEAD,
  remote_url: text("Where it was synced from."),
  synced_at: text("When it was synced last: ISO 8601, UTC."),
});

/** The OpenAPI description of the routes. */
export const REPO_PATHS: PathsObject = {
  "/sync": {
    post: {
      summary: "Clone or update a git repository",
      requestBody: {
        required: true,
        content: json(
          object(
            {
              url: text("Its URL: https or ssh, on a host that the configuration allows."),
              branch: text(
                "The branch to check out. If not given: the one that was synced last, or the remote's default.",
              ),
              submodules: {
                type: "boolean",
                description:
                  "Whether its submodules are fetched too, where the configuration allows it. If not given: as the last time.",
              },
            },
            ["url"],
          ),
        ),
      },
      responses: {
        "200": {
          description: "The repository is as its remote has it.",
          content: json(
            object({
              ...HEAD,
              status: { enum: ["cloned", "updated"], description: "Whether it was there before." },
            }),
          ),
        },
      },
    },
  },
  "/": {
    get: {
      summary: "List the synced repositories",
      responses: {
        "200": {
          description: "Those of the key; with the admin's key those of all keys.",
          content: json(
            object({
              repos_dir: text("The folder that all of them are in."),
              repos: { type: "array", items: REPO },
            }),
          ),
        },
      },
    },
  },
  "/{name}": {
    delete: {
      summary: "Remove a repository and its files",
      parameters: [
        {
          name: "name",
          in: "path",
          required: true,
          description: "Its whole name: `host/owner/name`.",
          schema: { type: "string" },
        },
      ],
      responses: {
        "200": {
          description: "It is gone.",
          content: json(object({ deleted: { const: true }, repo: text("Its whole name.") })),
        },
      },
    },
  },
};
