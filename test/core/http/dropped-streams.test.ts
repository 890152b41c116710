import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { readEvents, type ServerEvent } from "#testing/event-parser.js";

/** Text events; `done` is the last of 200. */
const TEXTS = 199;

function piece(index: number): string {
  return index % 10 === 0 ? `line-${index}\n` : `👩‍🔬${index} `;
}

/** A door for each event: the turn goes on when its test says so. */
class Doors {
  readonly #open: (() => void)[] = [];
  readonly #opened: Promise<void>[] = Array.from(
    { length: TEXTS + 2 },
    (_, index) =>
      new Promise((resolve) => {
        this.#open[index] = resolve;
      }),
  );

  open(index: number): void {
    this.#open[index]?.();
  }

  async *script() {
    for (let index = 1; index <= TEXTS; index++) {
      yield { wait: this.#opened[index] ?? 0 };
      yield piece(index);
    }
    yield { wait: this.#opened[TEXTS + 1] ?? 0 };
  }
}

/** Reads a turn's events, is cut off once, and goes on from the last event that it has. */
class Reader {
  readonly events: ServerEvent[] = [];
  #connection = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #came: () => void = () => undefined;

  constructor(
    private readonly gateway: TestGateway,
    private readonly path: string,
  ) {}

  get lastId(): number {
    return Number(this.events.at(-1)?.id ?? 0);
  }

  async connect(): Promise<void> {
    this.#connection = new AbortController();
    const headers = this.lastId === 0 ? {} : { "last-event-id": String(this.lastId) };
    const { signal } = this.#connection;
    const response = await this.gateway.fetch(this.path, { headers, signal });
    expect(response.status).to.equal(200);
    this.#ended = this.#read(response);
  }

  /** Resolves when the event has come. */
  async seen(id: number): Promise<void> {
    while (this.lastId < id) {
      await new Promise<void>((resolve) => {
        this.#came = resolve;
      });
    }
  }

  async drop(): Promise<void> {
    this.#connection.abort();
    await this.#ended.catch(() => undefined);
  }

  ended(): Promise<void> {
    return this.#ended;
  }

  async #read(response: Response): Promise<void> {
    for await (const event of readEvents(response)) {
      this.events.push(event);
      this.#came();
    }
  }
}

describe("a stream of 200 events, dropped at each event", function () {
  this.timeout(1_200_000);
  let gateway: TestGateway;
  const doors = new Doors();
  before(async () => {
    gateway = await createTestGateway({ replies: () => doors.script() });
  });
  after(() => gateway.close());

  it("and picked up while the turn runs, equals an undisturbed one, in both text modes", async () => {
    const task = await gateway.fetch("/task/stream", {
      body: { prompt: "Hi", detach: true, timeout_secs: 3600 },
    });
    const path = `/turns/${task.headers.get("x-turn-id")}/events`;
    await task.body?.cancel();
    const newReader = (mode: string) => new Reader(gateway, `${path}?stream=${mode}`);

    const undisturbed = { text: newReader("text"), delta: newReader("delta") };
    await Promise.all(Object.values(undisturbed).map((reader) => reader.connect()));
    const dropped: Record<"text" | "delta", Reader[]> = { text: [], delta: [] };
    for (let index = 0; index <= TEXTS; index++) {
      const [text, delta] = [newReader("text"), newReader("delta")];
      dropped.text.push(text);
      dropped.delta.push(delta);
      // One sees the event as it happens, the other has it with all that was before it.
      await delta.connect();
      await delta.seen(index - 1);
      doors.open(index);
      await delta.seen(index);
      await text.connect();
      await text.seen(index);
      await Promise.all([delta.drop(), text.drop()]);
      expect([delta.lastId, text.lastId]).to.deep.equal([index, index]);
      await Promise.all([delta.connect(), text.connect()]);
    }
    doors.open(TEXTS + 1);
    const deltas = [undisturbed.delta, ...dropped.delta];
    const texts = [undisturbed.text, ...dropped.text];
    await Promise.all([...deltas, ...texts].map((reader) => reader.ended()));

    const whole = Array.from({ length: TEXTS }, (_, index) => piece(index + 1)).join("");
    const done = undisturbed.delta.events.at(-1);
    expect(done).to.include({ event: "done", id: String(TEXTS + 1) });
    expect(JSON.parse(done?.data ?? "")).to.include({ success: true, result: whole });
    expect(undisturbed.text.events.at(-1)).to.deep.equal(done);
    for (const { events } of deltas) expect(textsOf(events).join("")).to.equal(whole);
    for (const { events } of texts) expect(textsOf(events).at(-1)).to.equal(whole);
    for (const { events } of [...deltas, ...texts]) {
      expect(events.at(-1)).to.deep.equal(done);
      const ids = events.map(({ id }) => Number(id));
      expect(ids).to.deep.equal([...new Set(ids)].toSorted((a, b) => a - b));
    }
  });

  it("resumed after its end, equals an undisturbed one", async () => {
    const turn = await gateway.fetch("/task", { body: { prompt: "Again" } });
    const { result } = JSON.parse(await turn.text());
    const path = `/turns/${turn.headers.get("x-turn-id")}/events?stream=delta`;
    for (const index of [0, 1, 100, TEXTS]) {
      const before = Array.from({ length: index }, (_, at) => piece(at + 1)).join("");
      const events: ServerEvent[] = [];
      const headers = { "last-event-id": String(index) };
      for await (const event of readEvents(await gateway.fetch(path, { headers }))) events.push(event);
      expect(before + textsOf(events).join("")).to.equal(result);
      expect(events.at(-1)).to.include({ event: "done" });
    }
  });
});

function textsOf(events: readonly ServerEvent[]): string[] {
  return events.filter(({ event }) => event === "text").map(({ data }) => data);
}
