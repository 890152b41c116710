/** The `[plugins.cloudflare_tunnel]` section, validated, with defaults. */
export interface TunnelConfig {
  readonly cloudflared_bin: string;
  readonly tunnel_token?: string;
  readonly public_url?: string;
  readonly allow_weak_keys: boolean;
  readonly start_secs: number;
  readonly check_secs: number;
  readonly retry_secs: number;
}
