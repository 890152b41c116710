// Made by `npm run generate` from schemas/*.json; edit those instead.
// A property with a default is never missing here: the types are of values as `validate` returns them.

/**
 * Decides a tool call that waits.
 */
export interface ApprovalDecideRequest {
  /**
   * Whether the call runs.
   */
  decision: "allow" | "deny";
  /**
   * With `deny`: what the model is told.
   */
  message?: string;
  /**
   * With `allow`: the whole input to call the tool with instead. Of a question: `{"answers": {"<question>": "<label>"}}`.
   */
  updated_input?: {
    [k: string]: unknown;
  };
  /**
   * With `allow`: `session` lets exactly this call run unasked for the rest of the session.
   */
  scope: "once" | "session";
}

/**
 * Who decided what, when, and from where.
 */
export interface ApprovalDecision {
  /**
   * What was decided.
   */
  decision: "allow" | "deny";
  /**
   * With `deny`: what the model was told.
   */
  message?: string;
  /**
   * With `allow`: what the tool was called with instead.
   */
  updated_input?: {
    [k: string]: unknown;
  };
  /**
   * `session`: the same call runs unasked for the rest of the session.
   */
  scope?: "once" | "session";
  /**
   * `key`, `admin`, `link`, or the plugin through which it came.
   */
  channel: string;
  /**
   * A key id, or a name in that channel.
   */
  who: string;
  /**
   * Where from: an address, a chat.
   */
  from?: string;
  /**
   * When, in UTC.
   */
  at: string;
}

/**
 * A page of approvals, the newest first.
 */
export interface ApprovalList {
  /**
   * The caller's own; the admin's key sees all.
   */
  approvals: Approval[];
  /**
   * How many there are on all pages.
   */
  total: number;
  /**
   * Which page this is.
   */
  page: number;
  /**
   * How many a page holds.
   */
  limit: number;
}

/**
 * A tool call that waits, or waited, for a person's decision.
 */
export interface Approval {
  /**
   * Names the request.
   */
  id: string;
  /**
   * The Claude session that the call is made in.
   */
  session_id: string;
  /**
   * The turn that waits.
   */
  turn_id: string;
  /**
   * Whose turn it is.
   */
  key_id: string;
  /**
   * `question`: Claude asks the user something; the decision carries the answers.
   */
  kind: "tool" | "question";
  /**
   * The call's id, as `permission_denials` lists it.
   */
  tool_use_id: string;
  /**
   * The tool, such as `Write` or `Bash`.
   */
  tool: string;
  /**
   * What the tool is called with.
   */
  input: {
    [k: string]: unknown;
  };
  /**
   * The turn's working directory.
   */
  workdir: string;
  /**
   * Where the shell stands, which relative paths in the call count from; missing where that is not known.
   */
  cwd?: string;
  /**
   * Where it stands; `withdrawn`: its turn ended otherwise.
   */
  status: "pending" | "allowed" | "denied" | "expired" | "withdrawn";
  /**
   * True: no process is held for it any more; the decision makes the turn go on.
   */
  parked: boolean;
  /**
   * When it was asked, in UTC.
   */
  asked_at: string;
  /**
   * When it is denied unless somebody decides, in UTC.
   */
  expires_at: string;
  decision?: ApprovalDecision;
}

/**
 * Lets denied tool calls of a session run, exactly those and once.
 */
export interface ApproveRequest {
  /**
   * The calls, by the `tool_use_id` that `permission_denials` lists.
   *
   * @minItems 1
   * @maxItems 1000
   *
   * Items: The `tool_use_id` of a denied call.
   */
  tool_use_ids: string[];
}

/**
 * A denied tool call that was approved afterwards.
 */
export interface ApprovedCall {
  /**
   * The id under which the call was denied.
   */
  tool_use_id: string;
  /**
   * True: the model made the call again, and it was let run.
   */
  ran: boolean;
}

/**
 * One line of a key's log: a turn that ended, or a request that was answered.
 */
export interface AuditLine {
  /**
   * When, UTC.
   */
  timestamp: string;
  /**
   * How bad it is.
   */
  level: "INFO" | "WARN" | "ERROR";
  /**
   * Whose key; null if nobody was authenticated.
   */
  key_id: string | null;
  /**
   * What happened.
   */
  message: string;
  /**
   * Turns: the Claude session.
   */
  session_id?: string;
  /**
   * Approvals: the request's id.
   */
  approval_id?: string;
  /**
   * Approvals: who decided, through what and from where.
   */
  decided_by?: string;
  /**
   * Turns: the turn's own id.
   */
  turn_id?: string;
  /**
   * Turns: `background` if the CLI began it by itself.
   */
  origin?: "prompt" | "background";
  /**
   * Turns: the model that answered, else the one asked for.
   */
  model?: string;
  /**
   * Turns: 0 after a result, else the code of the process that ended without one, null if it had none.
   */
  claude_exit_code?: number | null;
  /**
   * How long it took, in milliseconds; turns without the queue.
   */
  duration_ms?: number;
  /**
   * Turns: milliseconds in the queue.
   */
  queued_ms?: number;
  /**
   * Turns: whether it succeeded.
   */
  success?: boolean;
  /**
   * Turns: why it failed.
   */
  error?: string | null;
  tokens?: Tokens;
  /**
   * Turns: the cost in USD; null where no price is known.
   */
  cost_usd?: number | null;
  /**
   * Turns: true if tokens and cost are an estimate.
   */
  cost_estimated?: boolean;
  /**
   * Requests: the id that a client may quote.
   */
  request_id?: string;
  /**
   * Requests: the HTTP method.
   */
  method?: string;
  /**
   * Requests: the path, tokens in it redacted.
   */
  path?: string;
  /**
   * Requests: the HTTP status; 499 where the client left before its answer began.
   */
  status?: number;
}

/**
 * Something that the CLI runs between turns: a command, a subagent.
 */
export interface BackgroundTask {
  /**
   * The CLI's own id of it.
   */
  id: string;
  /**
   * `shell`, `subagent`, `workflow`, `mcp`, or what else the CLI calls it.
   */
  kind: string;
  /**
   * What it is, as the model described it.
   */
  description: string;
  /**
   * When it was begun, UTC.
   */
  since: string;
}

/**
 * Flags that have no place in the file.
 */
export interface CommandLine {
  /**
   * The config file; ./claudeway.toml if it is there.
   */
  config?: string;
  /**
   * Plugins to switch on: names, packages or paths.
   *
   * Items: A name, a package or a path.
   */
  enable_plugin: string[];
  /**
   * Plugins to switch off; wins.
   *
   * Items: A name, a package or a path.
   */
  disable_plugin: string[];
  /**
   * Ask nothing on the terminal.
   */
  force: boolean;
  /**
   * Print the version and end.
   */
  version: boolean;
  /**
   * Print this and end.
   */
  help: boolean;
}

/**
 * Everything that `claudeway.toml` may hold.
 */
export interface Config {
  /**
   * API keys; the first is the admin's. None: one is generated at each start and printed. In the file also a section for each, as `[keys.<id>]`.
   *
   * @minItems 1
   */
  keys?:
    | string
    | string[]
    | {
        /**
         * One key by its id.
         */
        [k: string]: {
          /**
           * The key's secret, where it is not given by a flag or a variable.
           */
          secret?: string;
          /**
           * How many turns of this key run at once, where that is less than `engine.max_running`.
           */
          max_running?: number;
          /**
           * The folders that this key's requests may name as their `workdir`. Not set: any folder that is not the gateway's or another session's.
           *
           * @maxItems 1000
           *
           * Items: A folder, as `/srv/a`; with `/**` also all below it.
           */
          workdirs?: string[];
        };
      };
  /**
   * The Claude CLI; its own if not given. A bare name is looked for on the PATH.
   */
  claude_bin?: string;
  /**
   * Base folder. Each session gets a folder in it unless its request names another one.
   */
  workdir: string;
  /**
   * Folder of the logs by key. Made with mode 0700 if it is not there.
   */
  log_dir: string;
  /**
   * Folder of the ledger. Made with mode 0700 if it is not there.
   */
  data_dir: string;
  /**
   * Host to listen on. With 127.0.0.1 only this machine gets in.
   */
  host: string;
  /**
   * Port to listen on; 0 picks a free one.
   */
  port: number;
  /**
   * trace, debug, info, warn or error. How much the gateway says on stderr.
   */
  log_level: "trace" | "debug" | "info" | "warn" | "error";
  /**
   * Deny what needs permission. Such tool calls are listed in the answer and can be approved; without this every call runs.
   */
  no_permissions_bypass: boolean;
  /**
   * Addresses or networks of the proxies in front whose `X-Forwarded-For` tells where a request comes from. None by default: on this machine too, whoever gets a shell through Claude could claim any.
   *
   * Items: One address or network.
   */
  trusted_proxies: string[];
  /**
   * What a request may be.
   */
  limits: {
    /**
     * The largest request body, in bytes.
     */
    body_bytes: number;
    /**
     * How many connections there may be at once; more are hung up on. Never more than nine tenths of the files that the system lets the gateway open.
     */
    connections: number;
    /**
     * How long a client may take to send a request's headers, in seconds.
     */
    header_secs: number;
    /**
     * How long a client may take to send all of a request, in seconds.
     */
    request_secs: number;
  };
  /**
   * How many turns run, wait, and are waited for.
   */
  engine: {
    /**
     * How many turns run at once; 0: four per processor core. A running turn takes about 200 MB of memory.
     */
    max_running: number;
    /**
     * How many more may wait, and as many for earlier turns of their sessions; beyond that a prompt is refused with 503.
     */
    max_queued: number;
    /**
     * How many processes of the CLI there are at once, idle ones too; 0: `max_running` and as many again.
     */
    max_processes: number;
    /**
     * How long a session's process is kept alive after a turn, in seconds; 0: a new one for every turn.
     */
    idle_secs: number;
    /**
     * How long a session's process is kept for commands and subagents that run in its background, in seconds; 0: no longer than others.
     */
    background_secs: number;
    /**
     * How many processes are kept for background work at once; 0: half of `max_processes`. Those that began first are; any other is ended like an idle one.
     */
    max_background: number;
    /**
     * How many of them may be one key's.
     */
    max_background_per_key: number;
    /**
     * How many processes are started ahead for one-shot tasks.
     */
    spares: number;
    /**
     * A process that holds more memory than this, in MiB, is replaced after its turn; 0: no limit.
     */
    max_memory_mb: number;
    /**
     * How long running turns may go on at shutdown, in seconds, before they are interrupted.
     */
    grace_secs: number;
  };
  /**
   * One section a plugin, `[plugins.<name>]`.
   */
  plugins: {
    [k: string]: PluginSection;
  };
}

/**
 * What went wrong, for programs; each has one HTTP status of its own.
 */
export type ErrorCode =
  | "BAD_REQUEST"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "TIMEOUT"
  | "CONFLICT"
  | "PAYLOAD_TOO_LARGE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "TOO_MANY_REQUESTS"
  | "HEADERS_TOO_LARGE"
  | "INTERNAL_ERROR"
  | "UNAVAILABLE";

/**
 * Every error, of every route.
 */
export interface ErrorResponse {
  /**
   * What went wrong, for people; one line.
   */
  error: string;
  code: ErrorCode;
  /**
   * With `CONFLICT`: the approval that stands in the way.
   */
  approval_id?: string;
  /**
   * With `GET /ready`: why the gateway is not.
   */
  reason?: "draining" | "ledger_unavailable";
  /**
   * Names the entry in the gateway's log; given where the fault is the gateway's own.
   */
  id?: string;
}

/**
 * The whole answer; always the last event.
 */
export interface DoneEvent {
  /**
   * The kind of the event.
   */
  event: "done";
  data: TurnResponse;
}

/**
 * On the WebSocket: what was sent could not be taken. The server closes after it.
 */
export interface ErrorEvent {
  /**
   * The kind of the event.
   */
  event: "error";
  /**
   * What went wrong; one line.
   */
  data: string;
}

/**
 * From the client, on the WebSocket: end the running turn.
 */
export interface InterruptEvent {
  /**
   * The kind of the event.
   */
  event: "interrupt";
  [k: string]: unknown;
}

/**
 * Tool calls were denied; comes before `done`.
 */
export interface PermissionDeniedEvent {
  /**
   * The kind of the event.
   */
  event: "permission_denied";
  /**
   * The denied calls.
   */
  data: PermissionDenial[];
}

/**
 * A tool call waits for a decision.
 */
export interface PermissionRequestEvent {
  /**
   * The kind of the event.
   */
  event: "permission_request";
  data: Approval;
}

/**
 * A tool call was decided, has expired or was withdrawn.
 */
export interface PermissionResolvedEvent {
  /**
   * The kind of the event.
   */
  event: "permission_resolved";
  data: Approval;
}

/**
 * The turn waits for its place.
 */
export interface QueuedEvent {
  /**
   * The kind of the event.
   */
  event: "queued";
  /**
   * Where the turn stands.
   */
  data: {
    /**
     * The place in the queue; 1 is next.
     */
    position: number;
  };
}

/**
 * Text of the answer. As a server-sent event the data is the bare text.
 */
export interface TextEvent {
  /**
   * The kind of the event.
   */
  event: "text";
  /**
   * All the text so far, or, with `"stream": "delta"`, only what is new.
   */
  data: string;
}

/**
 * What kept Claude from answering, for programs: the HTTP status is 200, and `success` false.
 */
export type FailureCode = "CONVERSATION_LOST";

/**
 * A page of the calls that run unasked in a session, the newest first.
 */
export interface GrantList {
  /**
   * The caller's own; the admin's key sees all.
   */
  grants: Grant[];
  /**
   * How many there are on all pages.
   */
  total: number;
  /**
   * Which page this is.
   */
  page: number;
  /**
   * How many a page holds.
   */
  limit: number;
}

/**
 * A call runs unasked no more.
 */
export interface GrantRevoked {
  /**
   * Always true.
   */
  revoked: true;
  /**
   * The grant.
   */
  id: string;
}

/**
 * A tool call that was allowed for the rest of its session: exactly this one.
 */
export interface Grant {
  /**
   * Names the grant.
   */
  id: string;
  /**
   * The session that it holds in.
   */
  session_id: string;
  /**
   * Whose session it is.
   */
  key_id: string;
  /**
   * The tool.
   */
  tool: string;
  /**
   * What the tool has to be called with.
   */
  input: {
    [k: string]: unknown;
  };
  /**
   * Where the shell has to stand.
   */
  cwd?: string;
  /**
   * The request on which it was given.
   */
  approval_id: string;
  /**
   * Who gave it: the channel, and the name in it.
   */
  granted_by: string;
  /**
   * When, in UTC.
   */
  granted_at: string;
}

/**
 * The answer to `GET /health`.
 */
export interface Health {
  /**
   * Always `ok`: a gateway that is not does not answer.
   */
  status: "ok";
  /**
   * The gateway's version.
   */
  version: string;
  /**
   * Whole seconds since the gateway started.
   */
  uptime_secs: number;
}

/**
 * Background work that was ended before its end.
 */
export interface LostTask {
  /**
   * The CLI's own id of it.
   */
  id: string;
  /**
   * `shell`, `subagent`, `workflow`, `mcp`, or what else the CLI calls it.
   */
  kind: string;
  /**
   * What it is, as the model described it.
   */
  description: string;
  /**
   * When it was begun, UTC.
   */
  since: string;
  /**
   * Why: `background_secs` or a cap on such processes (`limit`); its process was idle for too long, too large, made room for another one or was replaced by one for other settings; its turn was interrupted; it was a one-shot task's; the gateway was stopped, or killed; the CLI ended.
   */
  reason:
    | "limit"
    | "idle"
    | "memory"
    | "room"
    | "replaced"
    | "interrupted"
    | "task"
    | "shutdown"
    | "restart"
    | "died";
}

/**
 * A model that a request can name.
 */
export interface Model {
  /**
   * What goes into `model`.
   */
  id: string;
  /**
   * The name for people.
   */
  name: string;
}

/**
 * The models that the CLI offers.
 */
export interface ModelsResponse {
  /**
   * The models, in the CLI's order.
   */
  models: Model[];
}

/**
 * A tool call that was not allowed to run.
 */
export interface PermissionDenial {
  /**
   * The tool, such as `Write` or `Bash`.
   */
  tool_name: string;
  /**
   * The call's id; what `/session/:id/approve` takes.
   */
  tool_use_id: string;
  /**
   * What the model called the tool with.
   */
  tool_input: {
    [k: string]: unknown;
  };
  /**
   * Where the shell stood, if that was not the turn's working directory.
   */
  cwd?: string;
  /**
   * A rule refused the call, or it is for others than its key to decide: `/session/:id/approve` does not take it.
   */
  approvable?: false;
}

/**
 * A plugin's section of the configuration: its switch, and what its own schema takes.
 */
export interface PluginSection {
  /**
   * Whether the plugin is on.
   */
  enabled: boolean;
  [k: string]: unknown;
}

/**
 * The answer to `GET /ready` of a gateway that takes turns.
 */
export interface Ready {
  /**
   * Always `ready`: a gateway that is not answers 503.
   */
  status: "ready";
}

/**
 * The answer to `DELETE /session/:id`.
 */
export interface SessionDeleted {
  /**
   * Always true; what could not be deleted is an error.
   */
  deleted: true;
  /**
   * The session's id; the Claude session's own.
   */
  session_id: string;
}

/**
 * What happens in a session, as `event:` and `data:` in server-sent events.
 */
export type SessionEvent =
  | {
      /**
       * The kind of the event.
       */
      event: "turn";
      /**
       * The turn.
       */
      data: {
        /**
         * The turn that it is of.
         */
        turn_id: string;
        /**
         * `background`: the CLI began the turn by itself, since something that it ran in the background had ended.
         */
        origin: "prompt" | "background";
        /**
         * When it began, UTC.
         */
        created_at: string;
      };
    }
  | {
      /**
       * The kind of the event.
       */
      event: "queued";
      /**
       * Where the turn stands.
       */
      data: {
        /**
         * The turn that it is of.
         */
        turn_id: string;
        /**
         * The place in the queue; 1 is next.
         */
        position: number;
      };
    }
  | {
      /**
       * The kind of the event.
       */
      event: "text";
      /**
       * The piece.
       */
      data: {
        /**
         * The turn that it is of.
         */
        turn_id: string;
        /**
         * What is new.
         */
        text: string;
      };
    }
  | {
      /**
       * The kind of the event.
       */
      event: "permission_request";
      data: Approval;
    }
  | {
      /**
       * The kind of the event.
       */
      event: "permission_resolved";
      data: Approval;
    }
  | {
      /**
       * The kind of the event.
       */
      event: "permission_denied";
      /**
       * The turn's denied calls.
       */
      data: {
        /**
         * The turn that it is of.
         */
        turn_id: string;
        /**
         * The denied calls.
         */
        denials: PermissionDenial[];
      };
    }
  | {
      /**
       * The kind of the event.
       */
      event: "done";
      /**
       * The turn and its answer.
       */
      data: {
        /**
         * The turn that it is of.
         */
        turn_id: string;
        /**
         * `background`: the CLI began the turn by itself, since something that it ran in the background had ended.
         */
        origin: "prompt" | "background";
        response: TurnResponse;
      };
    }
  | {
      /**
       * The kind of the event.
       */
      event: "background";
      /**
       * What runs now.
       */
      data: {
        /**
         * All of it.
         */
        background: BackgroundTask[];
      };
    }
  | {
      /**
       * The kind of the event.
       */
      event: "background_lost";
      /**
       * What was ended.
       */
      data: {
        /**
         * What was ended.
         */
        background_lost: LostTask[];
      };
    }
  | {
      /**
       * The kind of the event.
       */
      event: "missed";
      /**
       * Nothing.
       */
      data: {};
    };

/**
 * The answer to an interrupt.
 */
export interface SessionInterrupted {
  /**
   * The session.
   */
  session_id: string;
  /**
   * False: no turn was running.
   */
  interrupted: boolean;
}

/**
 * One page of the caller's sessions.
 */
export interface SessionList {
  /**
   * The sessions of this page.
   */
  sessions: Session[];
  /**
   * How many there are on all pages.
   */
  total: number;
  /**
   * The page's number, from 1.
   */
  page: number;
  /**
   * How many a page holds at most.
   */
  limit: number;
}

/**
 * Starts a session; all of it is optional.
 */
export interface SessionStartRequest {
  /**
   * The model: a full name or an alias such as `sonnet`, `haiku` or `opus`; it goes to the CLI as it is.
   */
  model: string;
  /**
   * Stands in for the CLI's own system prompt.
   */
  system_prompt?: string;
  /**
   * The folder that Claude works in; one is made for the session unless given.
   */
  workdir?: string;
}

/**
 * The answer to `POST /session/start`.
 */
export interface SessionStarted {
  /**
   * The session's id; the Claude session's own.
   */
  session_id: string;
  /**
   * The folder that Claude works in.
   */
  workdir: string;
  /**
   * When it was started, UTC.
   */
  created_at: string;
}

/**
 * The next prompt of a session.
 */
export interface SessionTurnRequest {
  /**
   * What to ask; slash commands and `@file` mentions work.
   */
  prompt: string;
  /**
   * How long the turn may run, in seconds; the time in the queue does not count.
   */
  timeout_secs: number;
  /**
   * True: the prompt goes to the model as written, slash commands and `@file` mentions are mere text.
   */
  verbatim: boolean;
  /**
   * What a `text` event of a stream carries: all the text so far (`text`), or only what is new (`delta`).
   */
  stream: "text" | "delta";
  /**
   * True: the turn runs on when the client goes away.
   */
  detach: boolean;
  /**
   * True: where the conversation is lost, a new one begins under the session's id; without it the answer has the code CONVERSATION_LOST. Changes nothing otherwise.
   */
  restart_conversation: boolean;
  /**
   * True: a call of this session that waits for a decision is withdrawn, and its turn ends; without it the prompt is refused.
   */
  withdraw_pending: boolean;
}

/**
 * A session and what it used so far.
 */
export interface Session {
  /**
   * The session's id; the Claude session's own.
   */
  session_id: string;
  /**
   * When it was started, UTC.
   */
  created_at: string;
  /**
   * When its last turn began or ended, UTC.
   */
  last_used: string;
  /**
   * The model, as it was asked for: at the start, or by `/model` since.
   */
  model: string;
  /**
   * How many turns it had.
   */
  task_count: number;
  /**
   * The folder that Claude works in.
   */
  workdir: string;
  tokens: Tokens;
  /**
   * What its turns cost together, in USD; null where no price is known.
   */
  cost_usd: number | null;
  /**
   * What the CLI runs in its background at the moment.
   */
  background?: BackgroundTask[];
  /**
   * True: the cost of one of its turns or more is an estimate.
   */
  cost_estimated?: boolean;
}

/**
 * What a stream carries: as a frame on the WebSocket, as `event:` and `data:` in server-sent events.
 */
export type StreamEvent =
  | QueuedEvent
  | TextEvent
  | PermissionRequestEvent
  | PermissionResolvedEvent
  | PermissionDeniedEvent
  | DoneEvent
  | ErrorEvent;

/**
 * One page of one-shot tasks.
 */
export interface TaskList {
  /**
   * The tasks of this page.
   */
  tasks: Task[];
  /**
   * How many there are on all pages.
   */
  total: number;
  /**
   * The page's number, from 1.
   */
  page: number;
  /**
   * How many a page holds at most.
   */
  limit: number;
}

/**
 * A one-shot task: one prompt, one answer.
 */
export interface TaskRequest {
  /**
   * What to ask; slash commands and `@file` mentions work.
   */
  prompt: string;
  /**
   * The model: a full name or an alias such as `sonnet`, `haiku` or `opus`; it goes to the CLI as it is.
   */
  model: string;
  /**
   * Stands in for the CLI's own system prompt.
   */
  system_prompt?: string;
  /**
   * The folder that Claude works in; the base folder of the configuration unless given.
   */
  workdir?: string;
  /**
   * How long the turn may run, in seconds; the time in the queue does not count.
   */
  timeout_secs: number;
  /**
   * True: the prompt goes to the model as written, slash commands and `@file` mentions are mere text.
   */
  verbatim: boolean;
  /**
   * What a `text` event of a stream carries: all the text so far (`text`), or only what is new (`delta`).
   */
  stream: "text" | "delta";
  /**
   * True: the turn runs on when the client goes away.
   */
  detach: boolean;
}

/**
 * A one-shot task and what it used.
 */
export interface Task {
  /**
   * Its id, which is also that of its turn and of the Claude session.
   */
  session_id: string;
  /**
   * The key that ran it.
   */
  key_id: string;
  /**
   * When it came, UTC.
   */
  created_at: string;
  /**
   * When its last turn began or ended, UTC.
   */
  last_used: string;
  /**
   * The model, as it was asked for.
   */
  model: string;
  /**
   * How many turns it had: one, and one for each approval of its calls.
   */
  task_count: number;
  /**
   * The folder that Claude works in.
   */
  workdir: string;
  tokens: Tokens;
  /**
   * What its turns cost together, in USD; null where no price is known.
   */
  cost_usd: number | null;
  /**
   * True: the cost of one of its turns or more is an estimate.
   */
  cost_estimated?: boolean;
}

/**
 * Tokens that a turn, or the turns of a session together, used.
 */
export interface Tokens {
  /**
   * Input tokens that came from no cache.
   */
  input: number;
  /**
   * Tokens that the model wrote.
   */
  output: number;
  /**
   * Input tokens read from the prompt cache.
   */
  cache_read: number;
  /**
   * Input tokens written to the prompt cache.
   */
  cache_write: number;
}

/**
 * The answer to a prompt.
 */
export interface TurnResponse {
  /**
   * The Claude session that the turn ran in.
   */
  session_id: string;
  /**
   * The answer's text; empty if there is none.
   */
  result: string;
  /**
   * False: the turn failed, `error` says why.
   */
  success: boolean;
  /**
   * How long the turn ran, in milliseconds.
   */
  duration_ms: number;
  tokens: Tokens;
  /**
   * What the turn cost, in USD; null where no price is known.
   */
  cost_usd: number | null;
  /**
   * The reason of a failure in the CLI's own words, else null.
   */
  error: string | null;
  /**
   * Tool calls that were denied; absent if there were none.
   */
  permission_denials?: PermissionDenial[];
  pending_approval?: Approval;
  /**
   * After `/session/:id/approve`: the approved calls, and which of them ran.
   */
  approved?: ApprovedCall[];
  /**
   * True: tokens or cost are an estimate: the turn's process ended before it reported, or a message broke off before its output was told.
   */
  cost_estimated?: boolean;
  /**
   * True: the session's folder was gone, and the turn began in an empty one; only for a folder that the gateway made.
   */
  workdir_recreated?: boolean;
  /**
   * Background work of the session that was ended since its last answer; absent if there was none.
   */
  background_lost?: LostTask[];
  /**
   * What went wrong, for programs; absent where there is nothing to tell beside `error`.
   */
  code?: ErrorCode | FailureCode;
}

/**
 * State and result of a turn.
 */
export interface TurnStatus {
  /**
   * The turn's id, as `X-Turn-Id` named it.
   */
  turn_id: string;
  /**
   * The Claude session that the turn runs in.
   */
  session_id: string;
  /**
   * `background`: the CLI began the turn by itself, since something that it ran in the background had ended.
   */
  origin: "prompt" | "background";
  /**
   * When the turn arrived, in UTC.
   */
  created_at: string;
  /**
   * How far the turn is, or how it ended; `parked` waits for a decision, `lost` was running when a gateway died.
   */
  state:
    "queued" | "running" | "parked" | "completed" | "failed" | "refused" | "interrupted" | "timeout" | "lost";
  /**
   * The whole answer, of a parked turn the one so far; null while there is none.
   */
  result: TurnResponse | null;
}

/** The type of each schema, by the name of its file. */
export interface SchemaTypes {
  "approval-decide-request": ApprovalDecideRequest;
  "approval-decision": ApprovalDecision;
  "approval-list": ApprovalList;
  "approval": Approval;
  "approve-request": ApproveRequest;
  "approved-call": ApprovedCall;
  "audit-line": AuditLine;
  "background-task": BackgroundTask;
  "command-line": CommandLine;
  "config": Config;
  "error-code": ErrorCode;
  "error": ErrorResponse;
  "event-done": DoneEvent;
  "event-error": ErrorEvent;
  "event-interrupt": InterruptEvent;
  "event-permission-denied": PermissionDeniedEvent;
  "event-permission-request": PermissionRequestEvent;
  "event-permission-resolved": PermissionResolvedEvent;
  "event-queued": QueuedEvent;
  "event-text": TextEvent;
  "failure-code": FailureCode;
  "grant-list": GrantList;
  "grant-revoked": GrantRevoked;
  "grant": Grant;
  "health": Health;
  "lost-task": LostTask;
  "model": Model;
  "models-response": ModelsResponse;
  "permission-denial": PermissionDenial;
  "plugin-section": PluginSection;
  "ready": Ready;
  "session-deleted": SessionDeleted;
  "session-event": SessionEvent;
  "session-interrupted": SessionInterrupted;
  "session-list": SessionList;
  "session-start-request": SessionStartRequest;
  "session-started": SessionStarted;
  "session-turn-request": SessionTurnRequest;
  "session": Session;
  "stream-event": StreamEvent;
  "task-list": TaskList;
  "task-request": TaskRequest;
  "task": Task;
  "tokens": Tokens;
  "turn-response": TurnResponse;
  "turn-status": TurnStatus;
}

/** Every schema, by the name of its file. */
export const SCHEMA_NAMES = [
  "approval-decide-request",
  "approval-decision",
  "approval-list",
  "approval",
  "approve-request",
  "approved-call",
  "audit-line",
  "background-task",
  "command-line",
  "config",
  "error-code",
  "error",
  "event-done",
  "event-error",
  "event-interrupt",
  "event-permission-denied",
  "event-permission-request",
  "event-permission-resolved",
  "event-queued",
  "event-text",
  "failure-code",
  "grant-list",
  "grant-revoked",
  "grant",
  "health",
  "lost-task",
  "model",
  "models-response",
  "permission-denial",
  "plugin-section",
  "ready",
  "session-deleted",
  "session-event",
  "session-interrupted",
  "session-list",
  "session-start-request",
  "session-started",
  "session-turn-request",
  "session",
  "stream-event",
  "task-list",
  "task-request",
  "task",
  "tokens",
  "turn-response",
  "turn-status",
] as const;
