import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import { type Block, complaintAboutBlocks } from "./block-rules.js";

export const BOT_TOKEN = "xoxb-test-secret-of-a-bot";
export const APP_TOKEN = "xapp-test-secret-of-an-app";
export const BOT_USER = "U0BOT";
export const ADA = "U0ADA";
export const BOB = "U0BOB";
export const CHANNEL = "C0MAIN";

/** The response to the next call of a method. */
export type Behaviour =
  | { readonly status: number; readonly retryAfter?: number }
  | { readonly error: string; readonly needed?: string }
  | "hang"
  | "cut"
  | "garbage"
  /** The call is executed, but the response gets lost. */
  | "done, cut";

/** A message in a channel, as people see it. */
export interface Shown {
  readonly ts: string;
  readonly channel: string;
  readonly thread: string | undefined;
  /** Only this person sees it. */
  readonly to: string | undefined;
  text: string;
  blocks: readonly Block[];
  edits: number;
  deleted: boolean;
  file: Buffer | undefined;
}

type Form = Readonly<Record<string, string>>;
type Json = Readonly<Record<string, unknown>>;

interface Pending {
  readonly envelope: Json;
  attempt: number;
  timer: NodeJS.Timeout | undefined;
}

class Refused extends Error {
  constructor(
    readonly code: string,
    readonly needed?: string,
  ) {
    super(code);
  }
}

/** A fake Slack: the Web API over HTTP, and Socket Mode with acknowledgements, repetitions and new connections. */
export class FakeSlack {
  readonly shown: Shown[] = [];
  readonly calls: string[] = [];
  /** Every acknowledgement, by envelope. */
  readonly acked: string[] = [];
  readonly files = new Map<string, Buffer>();
  /** How long an upload takes, in ms, and how many there were. */
  uploadMs = 0;
  uploaded = 0;
  /** Files are sent when it resolves. */
  holdFiles: Promise<void> = Promise.resolve();
  /** Files that are asked for and not sent, now and at most. */
  filesOpen = 0;
  mostFilesOpen = 0;
  readonly always = new Map<string, Behaviour>();
  /** Channels that the bot was removed from. */
  readonly left = new Set<string>();
  botToken = BOT_TOKEN;
  appToken = APP_TOKEN;
  /** After so many milliseconds, an envelope that is not acknowledged is delivered again. */
  redeliverMs = 3000;
  connections = 0;
  /** The most connections at once. */
  mostConnected = 0;
  readonly #behaviours = new Map<string, Behaviour[]>();
  readonly #pending = new Map<string, Pending>();
  readonly #tickets = new Set<string>();
  readonly #uploads = new Map<string, { readonly name: string; content: Buffer | undefined }>();
  readonly #sockets = new Set<WebSocket>();
  #next = 100;
  readonly #ws = new WebSocketServer({ noServer: true });
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });

  static async start(): Promise<FakeSlack> {
    const slack = new FakeSlack();
    slack.#server.on("upgrade", (request, socket, head) => slack.#upgrade(request, socket, head));
    slack.#server.listen(0, "127.0.0.1");
    await once(slack.#server, "listening");
    return slack;
  }

  get host(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `127.0.0.1:${address.port}`;
  }

  get url(): string {
    return `http://${this.host}/api/`;
  }

  get connected(): boolean {
    return this.#sockets.size > 0;
  }

  /** Envelopes that are not acknowledged. */
  get unacknowledged(): number {
    return this.#pending.size;
  }

  next(method: string, ...behaviours: Behaviour[]): void {
    this.#behaviours.set(method, [...(this.#behaviours.get(method) ?? []), ...behaviours]);
  }

  count(method: string): number {
    return this.calls.filter((one) => one === method).length;
  }

  ts(): string {
    return `1900000000.${String(this.#next++).padStart(6, "0")}`;
  }

  /** A person writes; returns the message's ts. A mention comes as two events, as from Slack. */
  write(
    text: string,
    more: {
      user?: string;
      channel?: string;
      thread?: string;
      files?: readonly object[];
      ts?: string;
      event?: object;
    } = {},
  ): string {
    const { user = ADA, channel = CHANNEL, thread, files, ts = this.ts() } = more;
    const common = {
      user,
      channel,
      ts,
      text,
      event_ts: ts,
      team: "T0",
      ...(thread === undefined ? {} : { thread_ts: thread }),
      ...(files === undefined ? {} : { files, subtype: "file_share" }),
      ...more.event,
    };
    const kind = channel.startsWith("D") ? "im" : "channel";
    this.event({ type: "message", channel_type: kind, ...common });
    if (kind === "channel" && text.includes(`<@${BOT_USER}>`)) this.event({ type: "app_mention", ...common });
    return ts;
  }

  /** @param text is written to the bot */
  mention(text: string, more: Parameters<FakeSlack["write"]>[1] = {}): string {
    return this.write(`<@${BOT_USER}> ${text}`, more);
  }

  event(event: object): string {
    return this.deliver("events_api", { token: "x", team_id: "T0", type: "event_callback", event });
  }

  deliver(type: string, payload: object): string {
    const id = `envelope-${this.#next++}`;
    const envelope = { envelope_id: id, type, payload, accepts_response_payload: type === "interactive" };
    this.#pending.set(id, { envelope, attempt: 0, timer: undefined });
    this.#send(id);
    return id;
  }

  /** Somebody presses the button, or chooses from the menu. */
  press(shown: Shown, label: string, { user = ADA, actionTs = this.ts() } = {}): string {
    const elements = shown.blocks.flatMap(({ type, elements }) =>
      type === "actions" ? (elements ?? []) : [],
    );
    const option = elements.flatMap(optionsOf).find((one) => labelOf(one).includes(label));
    const button = elements.find((one) => labelOf(one).includes(label));
    const chosen = button ?? option;
    if (chosen === undefined) throw new Error(`no button ${label}: ${JSON.stringify(elements)}`);
    const { value } = chosen;
    const action =
      button === undefined
        ? { type: "static_select", action_id: "menu", selected_option: { value }, action_ts: actionTs }
        : { type: "button", action_id: button["action_id"], value, action_ts: actionTs };
    return this.deliver("interactive", {
      type: "block_actions",
      user: { id: user, username: "x" },
      channel: { id: shown.channel },
      message: { ts: shown.ts, ...(shown.thread === undefined ? {} : { thread_ts: shown.thread }) },
      actions: [action],
    });
  }

  /** Slack replaces the connection. */
  refresh(): void {
    for (const socket of this.#sockets) socket.send('{"type":"disconnect","reason":"refresh_requested"}');
  }

  /** The connection breaks. */
  cut(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  /** Visible messages, as text. */
  texts(thread?: string): string[] {
    return this.visible(thread).map(visibleText);
  }

  visible(thread?: string): Shown[] {
    return this.shown.filter((one) => !one.deleted && (thread === undefined || one.thread === thread));
  }

  find(part: string): Shown | undefined {
    return this.shown.findLast((one) => !one.deleted && visibleText(one).includes(part));
  }

  async close(): Promise<void> {
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
    for (const socket of this.#sockets) socket.terminate();
    this.#ws.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const ticket = new URL(request.url ?? "", "http://x").searchParams.get("ticket") ?? "";
    if (!this.#tickets.delete(ticket)) return void socket.destroy();
    this.#ws.handleUpgrade(request, socket, head, (client) => {
      this.connections++;
      this.#sockets.add(client);
      this.mostConnected = Math.max(this.mostConnected, this.#sockets.size);
      client.once("close", () => this.#sockets.delete(client));
      client.on("message", (data) => this.#acknowledge(String(data)));
      const hello = { type: "hello", num_connections: this.#sockets.size, connection_info: { app_id: "A0" } };
      client.send(
        JSON.stringify({ ...hello, debug_info: { host: "applink-1", approximate_connection_time: 18_060 } }),
      );
      for (const id of this.#pending.keys()) this.#send(id);
    });
  }

  #acknowledge(data: string): void {
    const { envelope_id: id }: { envelope_id: string } = JSON.parse(data);
    this.acked.push(id);
    clearTimeout(this.#pending.get(id)?.timer);
    this.#pending.delete(id);
  }

  /** Over any connection; later again, until it is acknowledged. */
  #send(id: string): void {
    const pending = this.#pending.get(id);
    const [socket] = this.#sockets;
    if (pending === undefined || socket === undefined) return;
    clearTimeout(pending.timer);
    const again = pending.attempt > 0 ? { retry_attempt: pending.attempt, retry_reason: "timeout" } : {};
    socket.send(JSON.stringify({ ...pending.envelope, ...again }));
    pending.attempt++;
    pending.timer = setTimeout(() => this.#send(id), this.redeliverMs);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const path = request.url ?? "";
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (path.startsWith("/files/")) return this.#sendFile(path.slice(7), token, response);
    if (path.startsWith("/upload/")) {
      this.uploaded++;
      await sleep(this.uploadMs);
      return this.#takeUpload(path.slice(8), body, request, response);
    }
    const method = path.slice("/api/".length);
    this.calls.push(method);
    const behaviour = this.#behaviours.get(method)?.shift() ?? this.always.get(method);
    const form = Object.fromEntries(new URLSearchParams(body.toString()));
    if (behaviour === "hang") return;
    if (behaviour === "cut") return void request.socket.destroy();
    if (behaviour === "garbage") return void response.end("<html>sign in to the network</html>");
    if (behaviour !== undefined && behaviour !== "done, cut") return refuse(behaviour, response);
    try {
      const result = this.#run(method, form, token);
      if (behaviour === "done, cut") return void request.socket.destroy();
      answer(response, { ok: true, ...result });
    } catch (error) {
      const { code, needed } = error instanceof Refused ? error : new Refused(`broken: ${String(error)}`);
      answer(response, { ok: false, error: code, ...(needed === undefined ? {} : { needed }) });
    }
  }

  #run(method: string, form: Form, token: string | undefined): object {
    if (token === undefined) throw new Refused("not_authed");
    if (token !== (method === "apps.connections.open" ? this.appToken : this.botToken))
      throw new Refused("invalid_auth");
    if (this.left.has(form["channel"] ?? "")) throw new Refused("not_in_channel");
    switch (method) {
      case "auth.test":
        return { user_id: BOT_USER, user: "claude", team: "Acme", team_id: "T0", bot_id: "B0" };
      case "apps.connections.open": {
        const ticket = `ticket-${this.#next++}`;
        this.#tickets.add(ticket);
        return { url: `ws://${this.host}/link/?ticket=${ticket}&app_id=A0` };
      }
      case "chat.postMessage":
        return this.#post(form, undefined);
      case "chat.postEphemeral":
        return this.#post(form, form["user"]);
      case "chat.update":
        return this.#update(form);
      case "chat.delete":
        this.#messageOf(form).deleted = true;
        return {};
      case "files.getUploadURLExternal": {
        const id = `F${this.#next++}`;
        this.#uploads.set(id, { name: form["filename"] ?? "", content: undefined });
        return { upload_url: `http://${this.host}/upload/${id}`, file_id: id };
      }
      case "files.completeUploadExternal":
        return this.#completeUpload(form);
      default:
        throw new Refused("unknown_method");
    }
  }

  #post(form: Form, to: string | undefined): object {
    const { channel = "", thread_ts: thread } = form;
    if (!/^[CDG]\w+$/.test(channel)) throw new Refused("channel_not_found");
    const shown: Shown = {
      ts: this.ts(),
      channel,
      thread,
      to,
      ...contentOf(form),
      edits: 0,
      deleted: false,
      file: undefined,
    };
    this.shown.push(shown);
    return { ts: shown.ts, channel, message: { ts: shown.ts } };
  }

  #update(form: Form): object {
    const shown = this.#messageOf(form);
    Object.assign(shown, contentOf(form));
    shown.edits++;
    return { ts: shown.ts, channel: shown.channel };
  }

  #messageOf({ channel, ts }: Form): Shown {
    const found = this.shown.find((one) => one.channel === channel && one.ts === ts && !one.deleted);
    if (found === undefined) throw new Refused("message_not_found");
    return found;
  }

  #completeUpload(form: Form): object {
    const files: { id: string }[] = JSON.parse(form["files"] ?? "[]");
    for (const { id } of files) {
      const upload = this.#uploads.get(id);
      if (upload?.content === undefined) throw new Refused("file_not_found");
      this.shown.push({
        ts: this.ts(),
        channel: form["channel_id"] ?? "",
        thread: form["thread_ts"],
        to: undefined,
        text: `${upload.name} ${form["initial_comment"] ?? ""}`,
        blocks: [],
        edits: 0,
        deleted: false,
        file: upload.content,
      });
    }
    return { files };
  }

  #takeUpload(id: string, body: Buffer, request: IncomingMessage, response: ServerResponse): void {
    const upload = this.#uploads.get(id);
    const boundary = /boundary=(\S+)/.exec(request.headers["content-type"] ?? "")?.[1];
    if (upload === undefined) return void response.writeHead(404).end();
    if (boundary === undefined) upload.content = body;
    else {
      const start = body.indexOf("\r\n\r\n") + 4;
      upload.content = body.subarray(start, body.indexOf(`\r\n--${boundary}`, start));
    }
    response.end("OK");
  }

  /** Without the token, Slack answers with a page to sign in. */
  async #sendFile(id: string, token: string | undefined, response: ServerResponse): Promise<void> {
    const content = this.files.get(id);
    this.mostFilesOpen = Math.max(this.mostFilesOpen, ++this.filesOpen);
    await this.holdFiles;
    this.filesOpen--;
    if (token !== this.botToken)
      return void response.writeHead(200, { "content-type": "text/html" }).end("<html>sign in</html>");
    response
      .writeHead(content === undefined ? 404 : 200, { "content-type": "application/octet-stream" })
      .end(content);
  }
}

function contentOf(form: Form): { readonly text: string; readonly blocks: readonly Block[] } {
  const { text = "" } = form;
  const blocks: Block[] = JSON.parse(form["blocks"] ?? "[]");
  if (text === "" && blocks.length === 0) throw new Refused("no_text");
  if (text.length > 40_000) throw new Refused("msg_too_long");
  if (/<(?!@U|https?:)/.test(text)) throw new Refused("mention_in_text");
  if (complaintAboutBlocks(blocks) !== undefined) throw new Refused("invalid_blocks");
  return { text, blocks };
}

/** What people read in a message. */
export function visibleText({ text, blocks }: Pick<Shown, "text" | "blocks">): string {
  return blocks.length === 0 ? text : blocks.map(textOfBlock).join("\n");
}

function textOfBlock({ type, elements = [], text }: Block): string {
  if (type === "rich_text")
    return elements
      .map((group) => (Array.isArray(group["elements"]) ? group["elements"].map(labelOf).join("") : ""))
      .join("\n");
  if (type === "actions") return "";
  return [text, ...elements].map((part) => (isRecord(part) ? labelOf(part) : "")).join(" ");
}

/** The labels of the buttons, and what the menus offer. */
export function labels({ blocks }: Shown): string[] {
  const elements = blocks.flatMap(({ type, elements }) => (type === "actions" ? (elements ?? []) : []));
  return elements.flatMap((one) =>
    one["type"] === "static_select" ? optionsOf(one).map(labelOf) : [labelOf(one)],
  );
}

function optionsOf({ options }: Json): Json[] {
  return Array.isArray(options) ? options : [];
}

function labelOf({ text }: Json): string {
  return typeof text === "string" ? text : isRecord(text) ? String(text["text"]) : "";
}

function refuse(behaviour: Exclude<Behaviour, string>, response: ServerResponse): void {
  if ("error" in behaviour) return void answer(response, { ok: false, ...behaviour });
  const { status, retryAfter } = behaviour;
  response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }).end();
}

function answer(response: ServerResponse, content: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(content));
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}
