import { approvals } from "./approvals.js";
import { errorsOf } from "./errors.js";
import { EXAMPLES } from "./examples.js";
import { files } from "./files.js";
import { ANY, answer, keyed, PAGE, upgraded } from "./operation.js";
import { body, events, headers, json, promptBody, schemaRef } from "./parts.js";
import { schemaComponents } from "./schemas.js";
import { type Part, type PathItem, ref } from "./types.js";

const TURN_ENDED = "The turn has ended. If Claude failed, `success` is false and `error` has the reason.";
const STREAM =
  "The turn's events as they happen. The last is always `done`; instead of an error status, it has a `code`.";
const WAITING = "If the client disconnects, the turn is interrupted, unless `detach` is true.";

function turnAnswer(examples: Part): Part {
  return answer(TURN_ENDED, json("turn-response", examples), "X-Turn-Id", "Server-Timing");
}

function turnStream(): Part {
  return answer(STREAM, events(EXAMPLES.stream), "X-Turn-Id");
}

const gateway = () =>
  ({
    "/": {
      get: {
        operationId: "getRoot",
        summary: "Leads a browser to the dashboard",
        description:
          "Redirects clients that prefer HTML to the dashboard. Others, and all while the plugin `dashboard` is off, get a text that says what can be opened, and how plugins that are off are switched on.",
        tags: ["gateway"],
        security: [],
        responses: {
          "200": answer("What can be opened.", {
            "text/plain": { schema: { type: "string", description: "For people." } },
          }),
          "302": { description: "The dashboard is on.", headers: headers() },
          ...errorsOf(ANY),
        },
      },
    },
    "/health": {
      get: {
        operationId: "getHealth",
        summary: "Reports that the gateway is up",
        tags: ["gateway"],
        security: [],
        responses: {
          "200": answer("The gateway is up.", json("health", { up: EXAMPLES.health })),
          ...errorsOf(ANY),
        },
      },
    },
    "/ready": {
      get: {
        operationId: "getReady",
        summary: "Reports whether the gateway can run turns",
        description:
          "For load balancers; `reason` says why the gateway is not ready. While it drains, it refuses new turns and answers all other requests. While the Claude CLI is not logged in, it accepts turns, which end with `AUTHENTICATION_FAILED`.",
        tags: ["gateway"],
        security: [],
        responses: {
          "200": answer("The gateway can run turns.", json("ready", { ready: EXAMPLES.ready })),
          ...errorsOf([...ANY, "UNAVAILABLE"]),
        },
      },
    },
    "/models": {
      get: keyed({
        operationId: "listModels",
        summary: "Lists the models that the CLI offers",
        description:
          "Cached for 6 h and served stale during a refresh. A request may name any other model that the CLI accepts.",
        tag: "gateway",
        ok: answer("The models.", json("models-response", { models: EXAMPLES.models })),
      }),
    },
  }) satisfies Record<string, PathItem>;

const tasks = () =>
  ({
    "/task": {
      post: keyed({
        operationId: "runTask",
        summary: "Runs one prompt and waits for the response",
        description: `${WAITING} The task's session is not listed, but \`POST /session/{session_id}/approve\` accepts its id.`,
        tag: "tasks",
        parameters: ["IdempotencyKey"],
        requestBody: promptBody("task-request", { task: EXAMPLES.taskRequest }),
        ok: turnAnswer({ answered: EXAMPLES.task, failed: EXAMPLES.failed, denied: EXAMPLES.denied }),
        errors: ["TIMEOUT", "CONFLICT"],
      }),
    },
    "/tasks": {
      get: keyed({
        operationId: "listTasks",
        summary: "Lists one-shot tasks, newest first",
        description: "The caller's own; the admin's key sees those of all keys.",
        tag: "tasks",
        parameters: PAGE,
        ok: answer("One page of tasks.", json("task-list", { tasks: EXAMPLES.tasks })),
      }),
    },
    "/task/stream": {
      post: keyed({
        operationId: "streamTask",
        summary: "Runs one prompt and streams its events",
        description: WAITING,
        tag: "tasks",
        parameters: ["IdempotencyKey"],
        requestBody: promptBody("task-request", { task: EXAMPLES.toolRequest }),
        ok: turnStream(),
        errors: ["CONFLICT"],
      }),
    },
    "/task/ws": {
      get: upgraded({
        operationId: "openTaskSocket",
        summary: "Runs one prompt over a WebSocket",
        description:
          'A WebSocket (RFC 6455). The first text message is a `TaskRequest`. The server sends `StreamEvent`s and closes with 1000 after `done`; an invalid first message gets `{"event": "error", "data": "..."}` and close code 1008. While the turn runs, `{"event": "interrupt"}` interrupts it; other messages are ignored. The first message must arrive within 30 s. A peer that does not answer a ping within 30 s is disconnected.',
        tag: "tasks",
        "x-websocket": {
          client: { oneOf: [schemaRef("task-request"), schemaComponents().get("InterruptEvent")] },
          server: schemaRef("stream-event"),
        },
        ok: {
          description: "The connection is now a WebSocket.",
          headers: { "X-Turn-Id": ref("headers", "X-Turn-Id") },
        },
        errors: ["NOT_FOUND"],
      }),
    },
  }) satisfies Record<string, PathItem>;

const sessions = () =>
  ({
    "/session/start": {
      post: keyed({
        operationId: "startSession",
        summary: "Starts a session",
        description: "Nothing runs and nothing is billed until its first prompt.",
        tag: "sessions",
        requestBody: body("session-start-request", { session: EXAMPLES.sessionStart }, false),
        ok: answer("The session.", json("session-started", { started: EXAMPLES.sessionStarted })),
      }),
    },
    "/session/{session_id}": {
      get: keyed({
        operationId: "getSession",
        summary: "Shows a session and its usage so far",
        tag: "sessions",
        parameters: ["SessionId"],
        ok: answer("The session.", json("session", { session: EXAMPLES.session })),
        errors: ["NOT_FOUND"],
      }),
      patch: keyed({
        operationId: "updateSession",
        summary: "Changes what holds for a session's further turns, and its title",
        tag: "sessions",
        parameters: ["SessionId"],
        requestBody: body("session-update-request", { update: EXAMPLES.sessionUpdate }),
        ok: answer("The session.", json("session", { session: EXAMPLES.titled })),
        errors: ["NOT_FOUND"],
      }),
      post: keyed({
        operationId: "promptSession",
        summary: "Runs the session's next prompt and waits for the response",
        description: `The turns of a session run one at a time, in order of arrival. ${WAITING}`,
        tag: "sessions",
        parameters: ["SessionId", "IdempotencyKey"],
        requestBody: promptBody("session-turn-request", { turn: EXAMPLES.sessionTurn }),
        ok: turnAnswer({ answered: EXAMPLES.answered }),
        errors: ["NOT_FOUND", "TIMEOUT", "CONFLICT"],
      }),
      delete: keyed({
        operationId: "deleteSession",
        summary: "Ends a session",
        description:
          "Ends its running turn, and removes its workdir if the gateway created it. Its costs stay in the ledger.",
        tag: "sessions",
        parameters: ["SessionId"],
        ok: answer("The session is deleted.", json("session-deleted", { deleted: EXAMPLES.deleted })),
        errors: ["NOT_FOUND"],
      }),
    },
    "/session/{session_id}/stream": {
      post: keyed({
        operationId: "streamSession",
        summary: "Runs the session's next prompt and streams its events",
        description: WAITING,
        tag: "sessions",
        parameters: ["SessionId", "IdempotencyKey"],
        requestBody: promptBody("session-turn-request", { turn: EXAMPLES.sessionTurn }),
        ok: turnStream(),
        errors: ["NOT_FOUND", "CONFLICT"],
      }),
    },
    "/session/{session_id}/messages": {
      get: keyed({
        operationId: "listSessionMessages",
        summary: "Shows what was said in a session, newest turn first",
        description:
          "Prompts, the model's messages, tool calls and their results, from the CLI's own transcript; also of a one-shot task. Long texts are cut, and images are named without their data.",
        tag: "sessions",
        parameters: ["SessionId", ...PAGE],
        ok: answer("One page of turns.", json("session-messages", { messages: EXAMPLES.messages })),
        errors: ["NOT_FOUND"],
      }),
    },
    "/session/{session_id}/events": {
      get: keyed({
        operationId: "streamSessionEvents",
        summary: "Streams what happens in a session, prompted or not",
        description:
          "Starts now, or after `Last-Event-ID`: turns of clients, and turns that the CLI begins by itself when background work has ended. The stream ends when the gateway stops. Disconnecting interrupts nothing.",
        tag: "sessions",
        parameters: [
          "SessionId",
          {
            name: "Last-Event-ID",
            in: "header",
            description: "The id of the last event that was read; the stream continues after it.",
            schema: { type: "string", pattern: "^[0-9]{1,16}$" },
          },
        ],
        ok: answer("The session's events as they happen.", events(EXAMPLES.sessionStream, "session-event")),
        errors: ["NOT_FOUND"],
      }),
    },
    "/session/{session_id}/fork": {
      post: keyed({
        operationId: "forkSession",
        summary: "Starts a session with the history of another one",
        description:
          "Nothing runs and nothing is billed. The fork has a copy of the workdir, or shares it if the caller named it, and belongs to the same key.",
        tag: "sessions",
        parameters: ["SessionId"],
        requestBody: body("session-fork-request", { fork: EXAMPLES.forkRequest }, false),
        ok: answer("The new session.", json("session-forked", { forked: EXAMPLES.forked })),
        errors: ["NOT_FOUND", "CONFLICT"],
      }),
    },
    ...files(),
    "/session/{session_id}/interrupt": {
      post: keyed({
        operationId: "interruptSession",
        summary: "Ends the session's running turn",
        description: "The session stays usable; turns that wait behind the interrupted one run next.",
        tag: "sessions",
        parameters: ["SessionId"],
        ok: answer("Done.", json("session-interrupted", { interrupted: EXAMPLES.interrupted })),
        errors: ["NOT_FOUND"],
      }),
    },
    "/session/{session_id}/approve": {
      post: keyed({
        operationId: "approveToolCalls",
        summary: "Lets denied tool calls run: exactly those calls, once",
        description:
          "Asks the model to continue. A call runs if it is the same tool with the same input in the same folder; `approved` lists which calls ran.",
        tag: "sessions",
        parameters: ["SessionId", "IdempotencyKey"],
        requestBody: body("approve-request", { approve: EXAMPLES.approveRequest }),
        ok: turnAnswer({ approved: EXAMPLES.approved }),
        errors: ["NOT_FOUND", "TIMEOUT", "CONFLICT"],
      }),
    },
    "/sessions": {
      get: keyed({
        operationId: "listSessions",
        summary: "Lists the caller's sessions, newest first",
        tag: "sessions",
        parameters: PAGE,
        ok: answer("One page of sessions.", json("session-list", { sessions: EXAMPLES.sessions })),
      }),
    },
  }) satisfies Record<string, PathItem>;

const turns = () =>
  ({
    "/turns/{turn_id}": {
      get: keyed({
        operationId: "getTurn",
        summary: "Shows a turn's state and result",
        tag: "turns",
        parameters: ["TurnId"],
        ok: answer("The turn.", json("turn-status", { completed: EXAMPLES.turn, running: EXAMPLES.running })),
        errors: ["NOT_FOUND"],
      }),
    },
    "/turns/{turn_id}/events": {
      get: keyed({
        operationId: "streamTurn",
        summary: "Streams a turn's events, from `Last-Event-ID` on",
        description:
          "For a turn that ended long ago: one `text` event with all its text, then `done`. Disconnecting does not interrupt the turn.",
        tag: "turns",
        parameters: [
          "TurnId",
          "LastEventId",
          {
            name: "stream",
            in: "query",
            description: "What a `text` event contains: all the text so far, or only the new text.",
            schema: { type: "string", enum: ["text", "delta"], default: "text" },
          },
        ],
        ok: turnStream(),
        errors: ["NOT_FOUND"],
      }),
    },
    "/turns/{turn_id}/answers": {
      post: keyed({
        operationId: "answerTurn",
        summary: "Answers the questions that a turn waits for",
        description:
          "The model asks its user where the turn's `events` name `questions`, or a plugin decides tool calls. The first answer counts; later ones get 409.",
        tag: "turns",
        parameters: ["TurnId"],
        requestBody: body("answers-request", { answers: EXAMPLES.answersRequest }),
        ok: answer("The turn goes on.", json("answers-accepted", { accepted: EXAMPLES.answersAccepted })),
        errors: ["NOT_FOUND", "CONFLICT"],
      }),
    },
  }) satisfies Record<string, PathItem>;

/**
 * The gateway's own paths, in the order of the document. A function, as its parts are: they read every schema, and a start
 * needs none of them.
 */
export function ownPaths(): Readonly<Record<string, PathItem>> {
  return { ...gateway(), ...tasks(), ...sessions(), ...turns(), ...approvals() };
}
