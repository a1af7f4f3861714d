// What the broker pushes: status, presence, the sampled log. One connection for the whole page; every list is bounded.
import { get } from "./api";
import { Socket } from "./socket";
import { Store } from "./store";
import { Cast, HistoryPoint, LogFilter, Message, Presence, Status } from "./types";

export const kPointsS = 600;
const kEventsKept = 500;
const kLogKept = 300;
const kWindowMs = 3_000;
const kTellMs = 1_000;
const kSettleMs = 50;

export interface Point extends Record<Cast, number> {
  at: number; // the broker's time, ms
  messages_in: number;
  messages_out: number;
  queued: number;
  p50: number | null;
  p99: number | null;
}

export interface LoggedMessage {
  key: number;
  message: Message;
}

export interface Log {
  messages: LoggedMessage[]; // the newest first
  seen: number; // of the last seconds
  shown: number;
  sampled: boolean;
  dropped: number;
  missed: number; // came while the log was paused
}

const kNoLog: Log = { messages: [], seen: 0, shown: 0, sampled: false, dropped: 0, missed: 0 };

export const status = new Store<Status | null>(null);
export const points = new Store<readonly Point[]>([]);
export const events = new Store<readonly Presence[]>([]);
export const log = new Store<Log>(kNoLog);
export const paused = new Store(false);
export const changes = new Store(0); // goes up when nodes or groups came, went or changed
export const restarts = new Store(0); // goes up when another run of the broker answers than before
export const outdated = new Store(false); // whether the broker is of another version now than when this page came
export const hello = new Store<{ version: string; max_message: number } | null>(null);

let epoch = 0;
let keys = 0;
let wantsLog = false;
let filter: LogFilter | null = null;
let telling = 0;
let rendered = 0;
let windows: { at: number; seen: number; shown: number; sampled: boolean }[] = [];

const socket = new Socket("/ws", { opened, said, silenceMs: 10_000 });
export const link = socket.link;
export const reconnect = socket.retry;

function opened(): void {
  subscribe();
  void catchUp();
}

function subscribe(): void {
  if (wantsLog && filter) socket.send({ type: "filter", ...filter });
  socket.send({ type: "subscribe", topics: wantsLog ? ["status", "presence", "log"] : ["status", "presence"] });
}

// The log costs the broker something: it is asked for only while somebody looks at it.
export function watchLog(wanted: LogFilter): () => void {
  wantsLog = true;
  filter = wanted;
  windows = [];
  subscribe();
  return () => {
    wantsLog = false;
    subscribe();
  };
}

export function clearLog(): void {
  log.set({ ...log.get(), messages: [], missed: 0, dropped: 0 });
}

export function setPaused(value: boolean): void {
  paused.set(value);
  if (!value) log.set({ ...log.get(), missed: 0 });
}

// What happened before this page was open, or while it was cut off.
async function catchUp(): Promise<void> {
  const [history, past] = await Promise.allSettled([
    get<{ points: HistoryPoint[] }>("/api/stats/history?seconds=" + kPointsS),
    get<{ events: Presence[] }>("/api/events?count=" + kEventsKept),
  ]);
  if (history.status === "fulfilled") {
    const before = history.value.points.map((point) => (
      pointOf(point.time_us, point, point.queued, point.p50, point.p99)
    ));
    const last = before.length > 0 ? before[before.length - 1].at : 0;
    points.set(bounded([...before, ...points.get().filter((point) => point.at > last)]));
  }
  if (past.status === "fulfilled") events.set(past.value.events.slice(0, kEventsKept));
  tell();
}

// The first event counts at once, a burst of them once a second.
function tell(): void {
  if (telling !== 0) return;
  telling = window.setTimeout(() => {
    telling = 0;
    rendered = Date.now();
    changes.set(changes.get() + 1);
  }, Math.max(kSettleMs, rendered + kTellMs - Date.now()));
}

function pointOf(time_us: number, of: Record<Cast, number> & { messages_in: number; messages_out: number },
                 queued: number, p50: number, p99: number): Point {
  const { unicast, multicast, broadcast, messages_in, messages_out } = of;
  return {
    at: time_us / 1000, unicast, multicast, broadcast, messages_in, messages_out, queued,
    p50: p50 || null, p99: p99 || null,
  };
}

function bounded(all: Point[]): Point[] {
  const from = all.length > 0 ? all[all.length - 1].at - kPointsS * 1000 : 0;
  return all.filter((point) => point.at >= from).slice(-2 * kPointsS);
}

function said(message: Record<string, unknown>): void {
  switch (message.type) {
    case "hello":
      greeted(message as unknown as { version: string; epoch: number; max_message: number });
      break;
    case "status":
      arrived(message.status as Status);
      break;
    case "presence":
      happened(message as unknown as { event?: Presence; lost?: number });
      break;
    case "log":
      logged(message as unknown as {
        messages: Message[]; seen: number; shown: number; sampled: boolean; dropped: number;
      });
      break;
    case "reload":
      location.reload();
      break;
  }
}

function greeted(words: { version: string; epoch: number; max_message: number }): void {
  if (epoch !== 0 && words.epoch !== epoch) restarts.set(restarts.get() + 1);
  epoch = words.epoch;
  const before = hello.get();
  if (before && before.version !== words.version) outdated.set(true);
  hello.set({ version: words.version, max_message: words.max_message });
}

function arrived(now: Status): void {
  status.set(now);
  if (log.get().seen > 0) log.set({ ...log.get(), ...lately() }); // when nothing passes, nothing else tells
  const { rates, casts, messages, latency_us } = now;
  const point = pointOf(now.time_us, { ...casts, ...rates["1s"] }, messages.queued, latency_us.p50, latency_us.p99);
  const before = points.get();
  if (before.length === 0 || point.at > before[before.length - 1].at) points.set(bounded([...before, point]));
}

function happened({ event, lost }: { event?: Presence; lost?: number }): void {
  if (event) events.set([event, ...events.get()].slice(0, kEventsKept));
  if (lost) void catchUp();
  tell();
}

// What the log has shown of what passed in the last seconds.
function lately(): Pick<Log, "seen" | "shown" | "sampled"> {
  const from = Date.now() - kWindowMs;
  windows = windows.filter((window) => window.at > from);
  const sum = (of: "seen" | "shown") => windows.reduce((total, window) => total + window[of], 0);
  return { seen: sum("seen"), shown: sum("shown"), sampled: windows.some((window) => window.sampled) };
}

function logged(part: { messages: Message[]; seen: number; shown: number; sampled: boolean; dropped: number }): void {
  windows.push({ at: Date.now(), seen: part.seen, shown: part.shown, sampled: part.sampled });
  const last = log.get();
  const fresh = part.messages.map((message) => ({ key: ++keys, message })).reverse();
  const holding = paused.get();
  log.set({
    messages: holding ? last.messages : [...fresh, ...last.messages].slice(0, kLogKept),
    ...lately(),
    dropped: last.dropped + part.dropped,
    missed: holding ? last.missed + fresh.length : 0,
  });
}
