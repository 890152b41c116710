import { EXAMPLES } from "./examples.js";
import { answer, keyed, PAGE } from "./operation.js";
import { headers, json } from "./parts.js";
import type { Part, PathItem } from "./types.js";

const BYTES: Part = {
  "application/octet-stream": {
    schema: {
      type: "string",
      contentMediaType: "application/octet-stream",
      description: "The bytes of the file.",
    },
  },
};

const PATH: Part = {
  name: "file_path",
  in: "path",
  required: true,
  description:
    "The path of the file below the workdir: names, percent-encoded, with slashes between. No name is empty, `.` or `..`.",
  schema: { type: "string" },
};

const SERVED =
  "Only of a workdir that the gateway made, or that `[keys.<id>] workdirs` names. Links are not followed.";

const list = () => json("file-list", { workdir: EXAMPLES.fileList });

function withRange(operation: ReturnType<typeof keyed>) {
  const partial = {
    description: "The part of the file that `Range` asks for.",
    headers: headers(),
    content: BYTES,
  };
  const unchanged = {
    description: "The file is still the one that `If-None-Match` names.",
    headers: headers(),
  };
  return { ...operation, responses: { ...operation.responses, "206": partial, "304": unchanged } };
}

/** The files of a session's workdir. */
export const files = () =>
  ({
    "/session/{session_id}/files": {
      get: keyed({
        operationId: "listWorkdir",
        summary: "Lists a session's workdir",
        description: SERVED,
        tag: "sessions",
        parameters: ["SessionId", ...PAGE],
        ok: answer("One page of it.", list()),
        errors: ["NOT_FOUND"],
      }),
    },
    "/session/{session_id}/files/{file_path}": {
      get: withRange(
        keyed({
          operationId: "getFile",
          summary: "Sends a file of a session's workdir, or lists a folder in it",
          description: `${SERVED} A file is sent as bytes to be saved, whatever is in it.`,
          tag: "sessions",
          parameters: [
            "SessionId",
            PATH,
            ...PAGE,
            {
              name: "Range",
              in: "header",
              description:
                "A part of the file, as in `bytes=0-99`. Several parts at once give the whole file.",
              schema: { type: "string" },
            },
          ],
          ok: answer("The file, or one page of the folder.", { ...BYTES, ...list() }),
          errors: ["NOT_FOUND", "RANGE_NOT_SATISFIABLE"],
        }),
      ),
      put: keyed({
        operationId: "putFile",
        summary: "Writes a file of a session's workdir",
        description: `${SERVED} The file appears whole or not at all; the folders that it lies in are made. Files that tools run by themselves (\`.git\`, \`.mcp.json\` …) are not written.`,
        tag: "sessions",
        parameters: ["SessionId", PATH],
        requestBody: { required: true, content: BYTES },
        ok: answer("The file was written.", json("file-written", { written: EXAMPLES.fileWritten })),
        errors: ["NOT_FOUND", "CONFLICT"],
      }),
      delete: keyed({
        operationId: "deleteFile",
        summary: "Removes a file, a link, or an empty folder of a session's workdir",
        description: `${SERVED} Files that tools run by themselves are not removed.`,
        tag: "sessions",
        parameters: ["SessionId", PATH],
        ok: answer("It is gone.", json("file-deleted", { deleted: EXAMPLES.fileDeleted })),
        errors: ["NOT_FOUND", "CONFLICT"],
      }),
    },
  }) satisfies Record<string, PathItem>;
