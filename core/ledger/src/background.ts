import type { BackgroundTask, LostTask } from "@claudeway/ports";
import { SESSION_HELD } from "./nodes.js";
import { maybeText, text } from "./rows.js";
import { type Epoch, holdEpoch, setColumn } from "./session-epoch.js";
import type { Sql, Work } from "./sql.js";

interface LostOfSession {
  readonly id: string;
  readonly lost: readonly LostTask[];
}

/** How many sessions without lost work are remembered. */
const MAX_REMEMBERED = 1000;

/** What the CLI runs in the background of sessions, and what of it was lost. */
export class BackgroundTable {
  /** Sessions without lost work, where nothing but this process writes any: each turn asks for it. */
  readonly #withoutLost = new Set<string>();

  constructor(private readonly sql: Sql) {}

  setBackground(id: string, running: readonly BackgroundTask[], claim: Epoch): Work<void> {
    const json = running.length === 0 ? null : JSON.stringify(running);
    return this.sql.once(setColumn(this.sql, "background", json, id, claim));
  }

  addLost(id: string, lost: readonly LostTask[], claim: Epoch): Work<void> {
    return this.sql.transaction(this.#addOwnLost(id, lost, claim));
  }

  *#addOwnLost(id: string, lost: readonly LostTask[], claim: Epoch): Work<void> {
    yield* holdEpoch(this.sql, id, claim);
    yield* this.#addLost(id, lost);
  }

  *#addLost(id: string, lost: readonly LostTask[]): Work<void> {
    this.#withoutLost.delete(id);
    const json = JSON.stringify([...(yield* this.#locked(id)), ...lost]);
    yield* this.sql.run("UPDATE sessions SET background_lost = ? WHERE id = ?", json, id);
  }

  *lost(id: string): Work<LostTask[]> {
    if (this.#withoutLost.has(id)) return [];
    const lost = yield* this.#lost(id, "");
    if (lost.length > 0 || !this.sql.dialect.alone) return lost;
    if (this.#withoutLost.size >= MAX_REMEMBERED) this.#withoutLost.clear();
    this.#withoutLost.add(id);
    return lost;
  }

  #locked(id: string): Work<LostTask[]> {
    return this.#lost(id, this.sql.dialect.forUpdate);
  }

  *#lost(id: string, locking: string): Work<LostTask[]> {
    const row = yield* this.sql.one(`SELECT background_lost FROM sessions WHERE id = ?${locking}`, id);
    const json = row === undefined ? undefined : maybeText(row, "background_lost");
    if (json === undefined) return [];
    // Written by `addLost`.
    const lost: LostTask[] = JSON.parse(json);
    return lost;
  }

  forgetLost(id: string, told: readonly LostTask[], claim: Epoch): Work<void> {
    return this.sql.transaction(this.#forgetLost(id, told, claim));
  }

  *#forgetLost(id: string, told: readonly LostTask[], claim: Epoch): Work<void> {
    yield* holdEpoch(this.sql, id, claim);
    const left = (yield* this.#locked(id)).slice(told.length);
    const json = left.length === 0 ? null : JSON.stringify(left);
    yield* this.sql.run("UPDATE sessions SET background_lost = ? WHERE id = ?", json, id);
  }

  loseBackground(id?: string): Work<LostOfSession[]> {
    return this.sql.transaction(this.#loseBackground(id));
  }

  *#loseBackground(only?: string): Work<LostOfSession[]> {
    const [where, values] = only === undefined ? [` AND NOT ${SESSION_HELD}`, []] : [" AND id = ?", [only]];
    const rows = yield* this.sql.all(
      `SELECT id, background FROM sessions s WHERE background IS NOT NULL${where} ORDER BY seq${this.sql.dialect.forUpdate}`,
      ...values,
    );
    const all: LostOfSession[] = [];
    for (const row of rows) {
      const id = text(row, "id");
      const running: BackgroundTask[] = JSON.parse(text(row, "background"));
      const lost = running.map((task): LostTask => ({ ...task, reason: "restart" }));
      yield* this.#addLost(id, lost);
      yield* this.sql.run("UPDATE sessions SET background = NULL WHERE id = ?", id);
      all.push({ id, lost });
    }
    return all;
  }
}
