// The shapes of the API as broker/gateway/API.md states them; times in microseconds since 1970.
export type Cast = "unicast" | "multicast" | "broadcast";
export const kCasts: readonly Cast[] = ["unicast", "multicast", "broadcast"];

export interface Rates {
  messages_in: number;
  messages_out: number;
  bytes_in: number;
  bytes_out: number;
}

export interface Status {
  status: "ok" | "degraded";
  reasons: string[];
  version: string;
  uptime_s: number;
  time_us: number;
  epoch: number;
  nodes: number;
  active_nodes: number;
  created_nodes: number;
  groups: number;
  connections: number;
  sessions: number;
  messages: Record<Cast, number> & {
    total: number;
    delivered: number;
    queued: number;
    queued_bytes: number;
    refused: number;
    expired: number;
    redelivered: number;
  };
  rates: Record<"1s" | "10s" | "60s", Rates>;
  casts: Record<Cast, number>;
  latency_us: { count: number; p50: number; p90: number; p99: number; p999: number; max: number };
  store: { kind: string; healthy: boolean; bytes: number; budget: number };
  cluster: { enabled: boolean };
}

export interface HistoryPoint extends Rates, Record<Cast, number> {
  time_us: number;
  queued: number;
  queued_bytes: number;
  nodes: number;
  active_nodes: number;
  p50: number;
  p99: number;
}

export interface NodeInfo {
  node_id: string;
  created: boolean;
  active: boolean;
  port: number;
  groups: string[];
  queued: number;
  queued_bytes: number;
  received: number;
  acknowledged: number;
  sent: number;
  agent: string;
  host: string;
}

export interface NodeList {
  nodes: NodeInfo[];
  total: number;
  active: number;
  next_after: string | null;
}

export interface GroupList {
  groups: GroupInfo[];
  total: number;
  next_after: string | null;
}

export interface GroupInfo {
  group_id: string;
  created: boolean;
  members: string[]; // 1,000 at most
  member_count: number;
  messages: number;
  bytes: number;
  retained: number;
}

export interface Message {
  id?: string | null;
  cast_type: Cast;
  message_type: string;
  content?: unknown;
  content_b64?: string;
  sender: string;
  target: string;
  group_id: string | null;
  priority: number;
  headers: Record<string, string>;
  sequence: number;
  stream: number;
  size: number;
  time_us: number;
  redelivered: boolean;
  acknowledged: boolean;
  truncated?: boolean;
}

export interface MessagePage {
  messages: Message[];
  next_before: number | null;
}

export interface Presence {
  event: string; // of API.md section 3, or one that a newer broker tells of
  node?: string;
  group?: string;
  port?: number;
  text?: string;
  time_us: number;
}

export interface DeadLetter {
  seq: number;
  node_id: string;
  reason: string;
  dead_us: number;
  message: Message;
}

export interface DeadLetterPage {
  dead: DeadLetter[];
  total: number;
  next_before: number | null;
}

export interface ScheduledInfo {
  id: number;
  due_us: number;
  cast_type: Cast;
  sender: string;
  target: string;
  priority: number;
  messages: number;
  bytes: number;
}

export interface ScheduledList {
  later: ScheduledInfo[];
  messages: number;
  bytes: number;
  time_us: number;
}

export interface SendRequest {
  id?: string;
  cast_type: Cast;
  message_type: string;
  content: unknown;
  sender?: string;
  recipients?: string[];
  group_id?: string;
  priority: number;
  ttl?: string;
  delay?: string;
  at?: number;
  headers?: Record<string, string>;
}

export interface Outcome {
  success: boolean;
  message: string;
  id?: string;
  recipients_count: number;
  recipients?: { node_id: string; success: boolean; code: string }[];
  failed_recipients: { node_id: string; code: string; reason: string }[];
  delivery_time: number;
  code?: string;
  hint?: string;
  transfer_id?: string;
  filename?: string;
  bytes?: number;
  sha256?: string;
}

export interface LogFilter {
  sender: string;
  target: string;
  cast_type: Cast | "";
  message_type: string;
  text: string;
}
