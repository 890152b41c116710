/** What a request needs of its session. `claim`: the session itself; `look`: what its node knows, if there is one. */
export interface Need {
  readonly sessionId: string;
  readonly needs: "claim" | "look";
}

const SESSION_START = /^\/session\/start\/?$/i;
const SESSION = /^\/session\/([^/]+)(\/.*)?$/i;
const PROMPT = /^\/session\/(?!start\/?$)[^/]+(?:\/stream)?\/?$/i;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TASK = /^\/task(?:\/stream)?\/?$/i;

/** The session that a request is about; undefined: any node can answer. */
export function sessionNeed(method: string, target: string): Need | undefined {
  const [, name = "", below] = SESSION.exec(pathOf(target)) ?? [];
  const sessionId = decoded(name);
  if (!ID.test(sessionId) || method === "OPTIONS") return undefined;
  const isView = (method === "GET" || method === "HEAD") && (below === undefined || below === "/");
  return { sessionId, needs: isView ? "look" : "claim" };
}

/** Whether a request is a session's prompt. */
export function isPrompt(method: string, target: string): boolean {
  return method === "POST" && PROMPT.test(pathOf(target));
}

/** Whether a request begins a one-shot task, which any node can run. */
export function isTask(method: string, target: string): boolean {
  return method === "POST" && TASK.test(pathOf(target));
}

/** Whether a request begins a task or a session, which any node can do. */
export function isBeginning(method: string, target: string): boolean {
  return isTask(method, target) || (method === "POST" && SESSION_START.test(pathOf(target)));
}

export function pathOf(target: string): string {
  const end = target.indexOf("?");
  return end === -1 ? target : target.slice(0, end);
}

/** The router decodes each parameter by itself; one that can't be decoded is no session's id. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
