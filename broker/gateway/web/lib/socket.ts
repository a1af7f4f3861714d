// A WebSocket that comes back: it tries again with growing pauses until it is closed, and says how it stands.
import { Store } from "./store";

export interface LinkState {
  state: "connecting" | "open" | "lost" | "closed";
  retryAt: number; // when the next attempt is made, ms; with "lost"
  attempt: number; // how many in a row have failed
  code: number; // of the last close
  reason: string;
}

interface Handlers {
  opened?: () => void;
  said: (message: Record<string, unknown>) => void;
  silenceMs?: number; // taken for lost after so long without a word
  final?: (code: number) => boolean; // whether a close with this code is meant to stay
}

const kFirstPauseMs = 400;
const kLongestPauseMs = 5_000;

export class Socket {
  readonly link = new Store<LinkState>({ state: "connecting", retryAt: 0, attempt: 0, code: 0, reason: "" });
  private socket: WebSocket | null = null;
  private timer = 0;
  private watchdog = 0;

  constructor(private path: string, private handlers: Handlers) {
    window.addEventListener("online", this.retry);
    document.addEventListener("visibilitychange", this.seen);
    this.connect();
  }

  send(message: unknown): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  // Tries again now instead of at the end of the pause.
  retry = (): void => {
    if (this.link.get().state === "lost") this.connect();
  };

  close(): void {
    window.removeEventListener("online", this.retry);
    document.removeEventListener("visibilitychange", this.seen);
    this.end("closed", 1000, "");
  }

  private seen = (): void => {
    if (document.visibilityState === "visible") this.retry();
  };

  private connect(): void {
    clearTimeout(this.timer);
    this.link.set({ ...this.link.get(), state: "connecting" });
    const socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + this.path);
    this.socket = socket;
    this.listen();
    socket.onopen = () => {
      this.link.set({ state: "open", retryAt: 0, attempt: 0, code: 0, reason: "" });
      this.listen();
      this.handlers.opened?.();
    };
    socket.onmessage = (event) => {
      this.listen();
      let message: unknown = null;
      try {
        message = JSON.parse(String(event.data));
      } catch {
        return;
      }
      if (typeof message === "object" && message !== null) this.handlers.said(message as Record<string, unknown>);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.code, event.reason);
    };
  }

  // The watchdog: whoever says nothing for too long is gone, whatever TCP believes.
  private listen(): void {
    clearTimeout(this.watchdog);
    this.watchdog = window.setTimeout(() => this.lost(1006, ""), this.handlers.silenceMs ?? 30_000);
  }

  private lost(code: number, reason: string): void {
    if (this.handlers.final?.(code)) {
      this.end("closed", code, reason);
      return;
    }
    const attempt = this.link.get().attempt + 1;
    const pause = Math.min(kLongestPauseMs, kFirstPauseMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
    this.end("lost", code, reason, attempt, Date.now() + pause);
    this.timer = window.setTimeout(() => this.connect(), pause);
  }

  private end(state: LinkState["state"], code: number, reason: string, attempt = 0, retryAt = 0): void {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    socket?.close();
    this.link.set({ state, code, reason, attempt, retryAt });
  }
}
