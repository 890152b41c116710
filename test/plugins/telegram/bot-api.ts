import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { complainAboutHtml, visibleText } from "./telegram-html.js";

/** The response to the next call of a method. */
export type Behaviour =
  | {
      readonly status: number;
      readonly description?: string;
      readonly retryAfter?: number;
      readonly location?: string;
    }
  | "hang"
  | "cut"
  | "half"
  | "garbage"
  | "page"
  /** A poll that returns at once. */
  | "nothing"
  /** The call is executed, but the response gets lost. */
  | "done, cut";

export interface Button {
  readonly text: string;
  readonly callback_data: string;
}

/** A message in the chat, as people see it. */
export interface Shown {
  readonly id: number;
  readonly thread: number | undefined;
  readonly replyTo: number | undefined;
  readonly silent: boolean;
  readonly at: number;
  readonly chatId: string;
  html: string;
  buttons: readonly Button[];
  readonly edits: { readonly at: number; readonly html: string }[];
  deleted: boolean;
  file: string | undefined;
}

export interface Person {
  readonly id: number;
  readonly first_name: string;
  readonly last_name?: string;
  readonly username?: string;
  readonly is_bot?: boolean;
}

export const CHAT_ID = -1001234567890;
export const TOKEN = "123456:test-token_of-a-bot";
export const ADA: Person = { id: 1001, first_name: "Ada", last_name: "L", username: "ada" };
export const BOB: Person = { id: 1002, first_name: "Bob" };

interface Payload {
  readonly [name: string]: unknown;
}

interface Poll {
  readonly response: ServerResponse;
  readonly timer: NodeJS.Timeout;
  readonly offset: number;
}

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly description: string,
  ) {
    super(description);
  }
}

/** The plugin's section of a claudeway.toml, with further settings. */
export function telegramSection(api: BotApiServer, more = ""): string {
  return `
[plugins.telegram]
enabled = true
bot_token = "${TOKEN}"
chat_id = "${CHAT_ID}"
api_root = "${api.url}"
allowed_users = [1001]
${more}`;
}

/** A fake Bot API with one group. It enforces Telegram's rules, and fails on request. */
export class BotApiServer {
  readonly shown: Shown[] = [];
  readonly presses: { readonly id: string; readonly text: string }[] = [];
  readonly topics = new Map<number, { readonly name: string; closed: boolean }>();
  /** All calls, by method. */
  readonly calls: string[] = [];
  commands: readonly { readonly command: string; readonly description: string }[] = [];
  /** When calls were refused with a time to wait, by performance.now(). */
  readonly refusedAt: number[] = [];
  /** How many polls met another one. */
  conflicts = 0;
  forum = true;
  token = TOKEN;
  /** Files that people sent, by their ids. */
  readonly files = new Map<string, Buffer>();
  mayMakeTopics = true;
  /** Executed calls are answered when it resolves. */
  held: Promise<void> = Promise.resolve();
  /** How long it takes to answer a method, in ms. */
  readonly lateMs = new Map<string, number>();
  /** Telegram's error for messages to a missing topic. */
  readonly gone = new Map<number, string>();
  /** The path below which the server listens. */
  root = "";
  #nextId = 1000;
  #nextUpdate = 500;
  #updates: { readonly update_id: number }[] = [];
  #poll: Poll | undefined;
  readonly #behaviours = new Map<string, Behaviour[]>();
  readonly always = new Map<string, Behaviour>();
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });

  static async start(port = 0): Promise<BotApiServer> {
    const server = new BotApiServer();
    server.#server.listen(port, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Whether a client is polling. */
  get polled(): boolean {
    return this.#poll !== undefined;
  }

  next(method: string, ...behaviours: Behaviour[]): void {
    this.#behaviours.set(method, [...(this.#behaviours.get(method) ?? []), ...behaviours]);
  }

  count(method: string): number {
    return this.calls.filter((one) => one === method).length;
  }

  /** A user writes a message; returns its id. */
  write(
    text: string,
    more: {
      from?: Person;
      thread?: number;
      replyTo?: number;
      chatId?: number;
      private?: boolean;
      extra?: object;
    } = {},
  ): number {
    const id = this.#nextId++;
    const { from = ADA, thread, replyTo, chatId = CHAT_ID } = more;
    this.push({
      message: {
        message_id: id,
        date: 1_900_000_000,
        from: { is_bot: false, ...from },
        chat: this.#chat(chatId),
        text,
        ...(thread === undefined ? {} : { message_thread_id: thread, is_topic_message: true }),
        ...(replyTo === undefined
          ? {}
          : { reply_to_message: { message_id: replyTo, chat: this.#chat(chatId) } }),
        ...more.extra,
      },
    });
    return id;
  }

  /** A user presses a button; returns the press's id. */
  press(
    data: string,
    messageId: number | undefined,
    { from = ADA, chatId = CHAT_ID }: { from?: Person; chatId?: number } = {},
  ): string {
    const id = `press-${this.#nextUpdate}`;
    const message =
      messageId === undefined ? undefined : { message_id: messageId, date: 1, chat: this.#chat(chatId) };
    this.push({
      callback_query: { id, from: { is_bot: false, ...from }, chat_instance: "1", data, message },
    });
    return id;
  }

  /** Presses the button with this label on a message. */
  pressButton(shown: Shown, label: string, from: Person = ADA): string {
    const button = shown.buttons.find(({ text }) => text.includes(label));
    if (button === undefined) throw new Error(`no button ${label}: ${JSON.stringify(shown.buttons)}`);
    return this.press(button.callback_data, shown.id, { from });
  }

  answerTo(pressId: string): string | undefined {
    return this.presses.find(({ id }) => id === pressId)?.text;
  }

  push(update: object, id = this.#nextUpdate++): void {
    this.#updates.push({ update_id: id, ...update });
    this.#answerPoll();
  }

  /** Visible messages, as text. */
  texts(thread?: number): string[] {
    const visible = this.shown.filter(
      (one) => !one.deleted && (thread === undefined || one.thread === thread),
    );
    return visible.map(({ html }) => visibleText(html));
  }

  find(part: string): Shown | undefined {
    return this.shown.findLast(({ html, deleted }) => !deleted && visibleText(html).includes(part));
  }

  async close(): Promise<void> {
    if (this.#poll !== undefined) clearTimeout(this.#poll.timer);
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #chat(id: number) {
    return { id, type: "supergroup", title: "Claude", ...(this.forum ? { is_forum: true } : {}) };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const file = /^\/file\/bot([^/]+)\/files\/(\w+)$/.exec(request.url?.slice(this.root.length) ?? "");
    if (file !== null) return this.#sendFile(file[1] === this.token ? file[2] : undefined, response);
    const [, token, method = ""] =
      /^\/bot([^/]+)\/(\w+)$/.exec(request.url?.slice(this.root.length) ?? "") ?? [];
    this.calls.push(method);
    const behaviour =
      this.#behaviours.get(method)?.shift() ?? this.always.get(method) ?? this.always.get("*");
    if (behaviour === "done, cut") {
      this.#run(method, payloadOf(request, body));
      return void request.socket.destroy();
    }
    if (typeof behaviour === "object" && behaviour.retryAfter !== undefined)
      this.refusedAt.push(performance.now());
    if (behaviour !== undefined) return misbehave(behaviour, request, response);
    if (token !== this.token) return answer(response, new Refused(401, "Unauthorized"));
    const payload = payloadOf(request, body);
    if (method === "getUpdates") return this.#hold(payload, response);
    try {
      const result = this.#run(method, payload);
      await this.held;
      await sleep(this.lateMs.get(method) ?? 0);
      answer(response, { result });
    } catch (error) {
      answer(response, error instanceof Refused ? error : new Refused(400, String(error)));
    }
  }

  #sendFile(id: string | undefined, response: ServerResponse): void {
    const content = this.files.get(id ?? "");
    response.writeHead(content === undefined ? 404 : 200).end(content);
  }

  #hold(payload: Payload, response: ServerResponse): void {
    if (this.#poll !== undefined) {
      clearTimeout(this.#poll.timer);
      this.conflicts += 1;
      answer(this.#poll.response, new Refused(409, "Conflict: terminated by other getUpdates request"));
    }
    const offset = Number(payload["offset"] ?? 0);
    this.#updates = this.#updates.filter(({ update_id: id }) => id >= offset);
    const timer = setTimeout(() => this.#answerPoll(true), Number(payload["timeout"] ?? 0) * 1000);
    const poll = { response, timer, offset };
    this.#poll = poll;
    response.once("close", () => {
      clearTimeout(timer);
      if (this.#poll === poll) this.#poll = undefined;
    });
    this.#answerPoll();
  }

  #answerPoll(empty = false): void {
    const poll = this.#poll;
    if (poll === undefined || (this.#updates.length === 0 && !empty)) return;
    clearTimeout(poll.timer);
    this.#poll = undefined;
    answer(poll.response, { result: this.#updates.slice(0, 100) });
  }

  #run(method: string, payload: Payload): unknown {
    switch (method) {
      case "getMe":
        return { id: 1, is_bot: true, first_name: "Claude", username: "claude_test_bot" };
      case "getChat":
        if (String(payload["chat_id"]) !== String(CHAT_ID))
          throw new Refused(400, "Bad Request: chat not found");
        return this.#chat(CHAT_ID);
      case "deleteWebhook":
      case "sendChatAction":
        return true;
      case "setMyCommands":
        this.commands = commandsOf(payload);
        return true;
      case "answerCallbackQuery":
        this.presses.push({ id: String(payload["callback_query_id"]), text: String(payload["text"]) });
        return true;
      case "getFile":
        return { file_id: payload["file_id"], file_path: `files/${String(payload["file_id"])}` };
      case "sendMessage":
        return this.#send(payload);
      case "sendDocument":
        return this.#sendDocument(payload);
      case "editMessageText":
        return this.#edit(payload);
      case "deleteMessage":
        this.#messageOf(payload).deleted = true;
        return true;
      case "createForumTopic":
        return this.#createTopic(payload);
      case "closeForumTopic": {
        const topic = this.topics.get(Number(payload["message_thread_id"]));
        if (topic !== undefined) topic.closed = true;
        return true;
      }
      default:
        throw new Refused(404, "Not Found");
    }
  }

  #send(payload: Payload) {
    const html = this.#checkText(payload);
    const shown: Shown = { ...this.#base(payload), html, file: undefined };
    this.shown.push(shown);
    return { message_id: shown.id, date: 1, chat: this.#chat(CHAT_ID), text: visibleText(html) };
  }

  #sendDocument(payload: Payload) {
    const shown: Shown = {
      ...this.#base(payload),
      html: String(payload["caption"]),
      file: String(payload["document"]),
    };
    this.shown.push(shown);
    return { message_id: shown.id, date: 1, chat: this.#chat(CHAT_ID) };
  }

  #base(payload: Payload) {
    const { message_thread_id: thread } = payload;
    // In a form, it is text.
    const given = payload["reply_parameters"];
    const reply: unknown = typeof given === "string" ? JSON.parse(given) : given;
    const complaint = thread === undefined ? undefined : this.gone.get(Number(thread));
    if (complaint !== undefined) throw new Refused(400, `Bad Request: ${complaint}`);
    const replyTo = isRecord(reply) ? Number(reply["message_id"]) : undefined;
    return {
      id: this.#nextId++,
      thread: thread === undefined ? undefined : Number(thread),
      replyTo,
      silent: payload["disable_notification"] === true,
      at: performance.now(),
      chatId: String(payload["chat_id"]),
      buttons: buttonsOf(payload),
      edits: [],
      deleted: false,
    };
  }

  #edit(payload: Payload) {
    const shown = this.#messageOf(payload);
    const html = this.#checkText(payload);
    const buttons = buttonsOf(payload);
    if (html === shown.html && JSON.stringify(buttons) === JSON.stringify(shown.buttons)) {
      throw new Refused(400, "Bad Request: message is not modified");
    }
    shown.html = html;
    shown.buttons = buttons;
    shown.edits.push({ at: performance.now(), html });
    return { message_id: shown.id, date: 1, chat: this.#chat(CHAT_ID), text: visibleText(html) };
  }

  #messageOf(payload: Payload): Shown {
    const shown = this.shown.find(({ id, deleted }) => id === payload["message_id"] && !deleted);
    if (shown === undefined) throw new Refused(400, "Bad Request: message to edit not found");
    return shown;
  }

  #checkText(payload: Payload): string {
    const text = String(payload["text"] ?? "");
    const html = payload["parse_mode"] === "HTML";
    const complaint = html ? complainAboutHtml(text) : undefined;
    if (complaint !== undefined) throw new Refused(400, `Bad Request: can't parse entities: ${complaint}`);
    const visible = html ? visibleText(text) : text;
    if (visible.trim() === "") throw new Refused(400, "Bad Request: message text is empty");
    if (visible.length > 4096) throw new Refused(400, "Bad Request: message is too long");
    return text;
  }

  #createTopic(payload: Payload) {
    if (!this.mayMakeTopics) throw new Refused(400, "Bad Request: not enough rights to create a topic");
    const name = String(payload["name"]);
    if (name === "" || name.length > 128) throw new Refused(400, "Bad Request: TOPIC_TITLE_INVALID");
    const id = this.#nextId++;
    this.topics.set(id, { name, closed: false });
    return { message_thread_id: id, name, icon_color: 1 };
  }
}

function buttonsOf(payload: Payload): Button[] {
  const markup = payload["reply_markup"];
  if (!isRecord(markup) || !Array.isArray(markup["inline_keyboard"])) return [];
  const buttons: Button[] = markup["inline_keyboard"].flat();
  for (const { text, callback_data: data } of buttons) {
    const bytes = Buffer.byteLength(data);
    if (bytes < 1 || bytes > 64 || text === "") throw new Refused(400, "Bad Request: BUTTON_DATA_INVALID");
  }
  return buttons;
}

function commandsOf(payload: Payload): BotApiServer["commands"] {
  const { commands } = payload;
  return Array.isArray(commands) ? commands : [];
}

function payloadOf(request: IncomingMessage, body: string): Payload {
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/")) return JSON.parse(body === "" ? "{}" : body);
  const boundary = /boundary=(\S+)/.exec(type)?.[1] ?? "";
  const parts = body.split(`--${boundary}`).flatMap((part) => {
    const [, name, , content] =
      /name="(\w+)"(; filename="[^"]*")?[\s\S]*?\r\n\r\n([\s\S]*)\r\n$/.exec(part) ?? [];
    return name === undefined ? [] : [[name, content]];
  });
  return Object.fromEntries(parts);
}

function misbehave(behaviour: Behaviour, request: IncomingMessage, response: ServerResponse): void {
  switch (behaviour) {
    case "hang":
      return;
    case "half":
      response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
      response.write('{"ok":true,"res');
      setTimeout(() => request.socket.destroy(), 20);
      return;
    case "garbage":
      return void response.end('{"ok":true,"result":"no such thing"}');
    case "nothing":
      answer(response, { result: [] });
      return;
    case "page":
      return void response.end("<html>sign in to the network</html>");
    case "cut":
    case "done, cut":
      return void request.socket.destroy();
    default:
      if (behaviour.location !== undefined) response.setHeader("location", behaviour.location);
      answer(
        response,
        new Refused(behaviour.status, behaviour.description ?? "Failed"),
        behaviour.retryAfter,
      );
  }
}

function answer(
  response: ServerResponse,
  content: Refused | { readonly result: unknown },
  retryAfter?: number,
): void {
  const status = content instanceof Refused ? content.status : 200;
  response.writeHead(status, { "content-type": "application/json" });
  const parameters = retryAfter === undefined ? {} : { parameters: { retry_after: retryAfter } };
  response.end(
    JSON.stringify(
      content instanceof Refused
        ? { ok: false, error_code: content.status, description: content.description, ...parameters }
        : { ok: true, ...content },
    ),
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
