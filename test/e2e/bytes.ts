import { connect } from "node:net";

/** Sends bytes to the gateway's port as they are; resolves to the one answer that comes back. */
export async function sendRaw(url: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setEncoding("utf8");
  socket.write(bytes);
  let answer = "";
  try {
    for await (const text of socket) {
      answer += text;
      if (isWhole(answer)) break;
    }
  } finally {
    socket.destroy();
  }
  return answer;
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  const length = /^content-length: (\d+)/im.exec(answer)?.[1];
  return end !== -1 && length !== undefined && Buffer.byteLength(answer.slice(end + 4)) >= Number(length);
}
