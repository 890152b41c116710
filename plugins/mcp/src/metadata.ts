import type { GatewayControl, RouteContext, RouteState } from "@claudeway/core";
import Router from "@koa/router";
import type { McpConfig } from "./config.js";

export const METADATA_PREFIX = "/.well-known/oauth-protected-resource";

type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Says how the server is authenticated: by a Bearer token in the header (RFC 9728). */
export class ResourceMetadata {
  constructor(
    private readonly config: Pick<McpConfig, "url" | "authorization_servers">,
    private readonly control: Pick<GatewayControl, "publicUrl">,
  ) {}

  routes(): Router<RouteState, RouteContext> {
    const router = new Router<RouteState, RouteContext>();
    router.get(["/", "/mcp"], (ctx) => {
      ctx.set("cache-control", "no-store");
      ctx.body = this.#document(ctx.headers);
    });
    return router;
  }

  /** The `WWW-Authenticate` header of a 401. */
  challenge(headers: RequestHeaders): string {
    return `Bearer realm="claudeway", resource_metadata="${this.#base(headers)}${METADATA_PREFIX}/mcp"`;
  }

  #document(headers: RequestHeaders) {
    const { authorization_servers: servers } = this.config;
    return {
      resource: `${this.#base(headers)}/mcp`,
      resource_name: "Claudeway",
      bearer_methods_supported: ["header"],
      ...(servers.length > 0 && { authorization_servers: servers }),
    };
  }

  /** The URL of the gateway, as this client sees it. */
  #base({ host }: RequestHeaders): string {
    const { url } = this.config;
    if (url !== undefined) return url;
    const shown = typeof host === "string" && /^[\w.:[\]-]+$/.test(host) ? host : "localhost";
    const announced = this.control.publicUrl();
    return announced !== undefined && new URL(announced).host === shown
      ? new URL(announced).origin
      : `http://${shown}`;
  }
}
