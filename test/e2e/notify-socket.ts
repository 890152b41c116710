import { rmSync } from "node:fs";
import koffi from "koffi";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const LARGEST = 4096;

const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, void *address, uint32_t length)");
const recv = libc.func("intptr_t recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)");
const close = libc.func("int close(int fd)");

/** systemd's end of `sd_notify(3)`: a datagram socket in the file system, which Node has not. */
export class NotifySocket {
  readonly #received: string[] = [];

  private constructor(
    readonly path: string,
    private readonly fd: number,
  ) {}

  static open(path: string): NotifySocket {
    const fd = Number(socket(AF_UNIX, SOCK_DGRAM, 0));
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX);
    address.write(path, 2);
    if (fd < 0 || bind(fd, address, address.length) !== 0) throw new Error(`can't listen on ${path}`);
    return new NotifySocket(path, fd);
  }

  /** Every message so far, in the order in which they came. */
  received(): readonly string[] {
    const buffer = Buffer.alloc(LARGEST);
    for (;;) {
      const length = Number(recv(this.fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length < 0) return this.#received;
      this.#received.push(buffer.toString("utf8", 0, length));
    }
  }

  close(): void {
    close(this.fd);
    rmSync(this.path, { force: true });
  }
}
