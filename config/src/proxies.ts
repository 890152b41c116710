import { isIP, isIPv6 } from "node:net";
import { ConfigError } from "./errors.js";

/** Throws if an entry is neither an address nor a network. */
export function checkProxies(proxies: readonly string[], where: string): void {
  const wrong = proxies.find((proxy) => !isNetwork(proxy));
  if (wrong === undefined) return;
  throw new ConfigError(
    `${where} must be addresses or networks such as 172.16.0.0/12, got ${JSON.stringify(wrong)}`,
  );
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  if (isIP(address) === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv6(address) ? 128 : 32));
}
