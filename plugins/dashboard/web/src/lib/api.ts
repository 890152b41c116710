/** An unsuccessful response, with the gateway's message. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** How long a page waits for data, in ms: without an answer that is lost on its way it would wait, and follow no change. */
const TIMEOUT_MS = 60_000;

let endLogin = (): void => {};

/** Sets the callback for a login that has expired. */
export function onLoginEnded(listener: () => void): void {
  endLogin = listener;
}

/** URL of the API: next to the dashboard, below the same proxy prefix. */
export function adminUrl(path: string): string {
  return new URL(`../admin/${path}`, document.baseURI).href;
}

export function get<T>(path: string): Promise<T> {
  return send(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
}

export function post<T>(path: string, body: unknown = {}): Promise<T> {
  const headers = { "content-type": "application/json" };
  return send(path, { method: "POST", headers, body: JSON.stringify(body) });
}

export function patch<T>(path: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  return send(path, { method: "PATCH", headers, body: JSON.stringify(body) });
}

export function put<T>(path: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  return send(path, { method: "PUT", headers, body: JSON.stringify(body) });
}

export function remove<T>(path: string): Promise<T> {
  return send(path, { method: "DELETE" });
}

/** A query string of the parameters that are set. */
export function queryOf(parameters: Readonly<Record<string, string | number | undefined | null>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function send<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(adminUrl(path), init).catch(unanswered);
  const body = parsed(await response.text().catch(unanswered));
  if (response.ok) return body;
  if (response.status === 401 && path !== "login") endLogin();
  throw new ApiError(response.status, body.error ?? `the gateway responded with ${response.status}`);
}

function unanswered(): never {
  throw new ApiError(0, "the gateway does not respond");
}

/** Nothing if it is no JSON, such as the page of a proxy. */
function parsed(json: string) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
