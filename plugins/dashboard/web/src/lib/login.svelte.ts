import { adminUrl, get, messageOf, onLoginEnded, post } from "./api.js";
import type { LoginState, Me } from "./types.js";

/** The login of this browser. */
class Login {
  /** Undefined while unknown; null when not logged in. */
  me = $state.raw<Me | null | undefined>(undefined);
  /** Whose pages are kept, with what was typed in them, when a login expires; undefined after a logout. */
  kept = $state.raw<Me | undefined>(undefined);
  /** Why the user must log in again. */
  reason = $state("");
  /** Why the login could not be checked. */
  trouble = $state("");
  /** Why the user is still logged in after logging out. */
  staysFor = $state("");

  /** Tells this browser's other tabs of a logout. */
  readonly #channel = new BroadcastChannel(adminUrl("login"));

  constructor() {
    this.#channel.onmessage = () => this.#leave("You have logged out in another tab.");
  }

  /** Checks whether the cookie is still valid. An unreachable gateway says nothing about that. */
  async begin(): Promise<void> {
    this.trouble = "";
    try {
      const { login } = await get<LoginState>("login");
      if (login === null) this.ended();
      else this.#enter(login);
    } catch (error) {
      this.trouble = messageOf(error);
    }
  }

  async in(key: string): Promise<void> {
    this.#enter(await post<Me>("login", { key }));
  }

  /** Never rejects: where it fails, `staysFor` says why. */
  async out(): Promise<void> {
    this.staysFor = "";
    try {
      await post("logout");
      this.#channel.postMessage("logout");
      this.#leave();
    } catch (error) {
      if (this.me) this.staysFor = messageOf(error);
    }
  }

  ended(): void {
    if (this.me) this.reason = "Your login has expired. Log in again to continue where you left off.";
    this.me = null;
  }

  #enter(me: Me): void {
    this.me = me;
    this.kept = me;
    this.reason = "";
    this.staysFor = "";
  }

  /** Drops what is kept. The gateway may have told of the login's end before: then the reason is another one. */
  #leave(reason = ""): void {
    this.me = null;
    this.kept = undefined;
    this.reason = reason;
  }
}

export const login = new Login();

onLoginEnded(() => login.ended());
