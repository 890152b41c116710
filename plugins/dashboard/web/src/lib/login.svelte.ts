import { get, messageOf, onLoginEnded, post } from "./api.js";
import type { LoginState, Me } from "./types.js";

/** The login of this browser. */
class Login {
  /** Undefined while unknown; null when not logged in. */
  me = $state.raw<Me | null | undefined>(undefined);
  /** Why the user must log in again. */
  reason = $state("");
  /** Why the login could not be checked. */
  trouble = $state("");

  /** Checks whether the cookie is still valid. An unreachable gateway says nothing about that. */
  async begin(): Promise<void> {
    this.trouble = "";
    try {
      this.me = (await get<LoginState>("login")).login;
    } catch (error) {
      this.trouble = messageOf(error);
    }
  }

  async in(key: string): Promise<void> {
    this.me = await post<Me>("login", { key });
    this.reason = "";
  }

  async out(): Promise<void> {
    await post("logout");
    this.me = null;
  }

  ended(): void {
    if (this.me) this.reason = "Your login has expired. Log in again to continue where you left off.";
    this.me = null;
  }
}

export const login = new Login();

onLoginEnded(() => login.ended());
