import { get, queryOf } from "./api.js";
import { inTurn } from "./in-turn.js";
import type { AnsweredTurn, ConversationTurn, SessionMessages, TurnPage } from "./types.js";
import { View } from "./view.svelte.js";

const PAGE = 20;

/** A turn of the ledger with what the CLI recorded of it, or a turn that only the CLI knows. */
export interface Entry {
  readonly key: string;
  readonly turn: AnsweredTurn | undefined;
  readonly said: ConversationTurn | undefined;
}

/** One page of a session's conversation. Must be created during component setup. */
export class Conversation {
  readonly turns: View<TurnPage>;
  readonly #messages: View<readonly SessionMessages[]>;

  constructor(path: () => string, page: () => number) {
    this.turns = new View(() => {
      const turns = `${path()}/turns${queryOf({ page: page(), limit: PAGE })}`;
      return inTurn(() => get<TurnPage>(turns));
    }, ["turns", "steps", "approvals"]);
    // The CLI did not record every turn: those of this page may be on the page before, too.
    const messages = (one: number) => `${path()}/messages${queryOf({ page: one, limit: PAGE })}`;
    const pages = () => (page() > 1 ? [page() - 1, page()] : [1]);
    this.#messages = new View(
      () => Promise.all(pages().map((one) => inTurn(() => get<SessionMessages>(messages(one))))),
      ["turns", "steps", "approvals"],
    );
  }

  /** How many turns the session has, those before a fork included. */
  total(page: TurnPage): number {
    return Math.max(page.total, ...(this.#messages.data ?? []).map(({ total }) => total));
  }

  /** The turns of the page, oldest first. */
  entries(page: TurnPage): Entry[] {
    const recorded = (this.#messages.data ?? []).flatMap(({ turns }) => turns);
    const said = new Map(recorded.map((turn) => [turn.turn_id, turn]));
    const own = page.turns.map((turn): Entry => ({ key: turn.turn_id, turn, said: said.get(turn.turn_id) }));
    const others = (this.#messages.data?.at(-1)?.turns ?? [])
      .filter(({ turn_id }) => turn_id === null)
      .map(
        (turn): Entry => ({ key: `${turn.created_at} ${turn.forked ?? false}`, turn: undefined, said: turn }),
      );
    const keys = new Set<string>();
    return [...own, ...others]
      .filter(({ key }) => !keys.has(key) && keys.add(key))
      .sort((a, b) => timeOf(a) - timeOf(b));
  }
}

function timeOf({ turn, said }: Entry): number {
  return Date.parse(turn?.created_at ?? said?.created_at ?? "");
}
