import { ApiError, get, messageOf, onLoginEnded, post } from "./api.js";
import type { Me } from "./types.js";

/** Who is logged in. */
class Login {
  /** Undefined: not known yet; null: nobody. */
  me = $state.raw<Me | null | undefined>(undefined);
  /** Why the key is asked for again. */
  reason = $state("");
  /** Why it could not be found out who is logged in. */
  trouble = $state("");

  /** Finds out whether the cookie still holds. A gateway that is away, or a proxy without it, says nothing about that. */
  async begin(): Promise<void> {
    this.trouble = "";
    try {
      this.me = await get<Me>("me");
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.me = null;
      else this.trouble = messageOf(error);
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
    if (this.me) this.reason = "Your login has ended. Log in again to go on where you were.";
    this.me = null;
  }
}

export const login = new Login();

onLoginEnded(() => login.ended());
