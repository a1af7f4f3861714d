// Calls of the REST API. A call answers its JSON or throws a Problem, also when the server cannot be reached.
import { say, sayCode, language } from "./text";
import { Outcome, SendRequest } from "./types";

const kTimeoutMs = 70_000; // a send to a full mailbox may take its server a minute

// Codes whose hint says more than our own words do, so that it is shown in any language.
const kSpecific = ["not_supported", "invalid_argument", "malformed", "internal"];

// Why something did not work: the API's error shape, or our own code where there was no answer.
export class Problem extends Error {
  constructor(readonly code: string, message: string, readonly hint: string, readonly status = 0) {
    super(message);
  }

  static of(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem("internal", error instanceof Error ? error.message : String(error), "");
  }

  // What to show: the server's words in English, ours for the code in other languages, with what it is about.
  said(): { title: string; hint: string } {
    const own = sayCode(this.code);
    const about = this.message && this.message !== this.code ? this.message : "";
    if (this.code === "unreachable" && this.status === 0) {
      return { title: say("problem.unreachable"), hint: say("problem.unreachable.hint") };
    }
    if (own) {
      const specific = language.get() === "en" || kSpecific.includes(this.code);
      return { title: about ? `${own}: ${about}` : own, hint: specific ? this.hint : "" };
    }
    return { title: about || this.code, hint: this.hint };
  }
}

function problemOf(status: number, body: string): Problem {
  try {
    const { code, message, hint } = JSON.parse(body) as Record<string, unknown>;
    if (typeof code === "string") return new Problem(code, String(message ?? ""), String(hint ?? ""), status);
  } catch {
    // Not our server's words: a proxy's page, say.
  }
  return new Problem("internal", `HTTP ${status}`, body.slice(0, 200), status);
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const own = new AbortController();
  const stop = () => own.abort();
  const timer = setTimeout(stop, kTimeoutMs);
  signal?.addEventListener("abort", stop);
  try {
    const answer = await fetch(path, {
      method,
      signal: own.signal,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw problemOf(answer.status, text);
    return JSON.parse(text) as T;
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (error instanceof SyntaxError) throw new Problem("internal", error.message, "");
    throw new Problem("unreachable", "", "");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => call<T>("GET", path, undefined, signal);
export const post = <T>(path: string, body: unknown): Promise<T> => call<T>("POST", path, body);
export const remove = <T>(path: string): Promise<T> => call<T>("DELETE", path);

// A path under /api with its names encoded: path("nodes", "alice", "messages").
export function path(...parts: (string | number)[]): string {
  return "/api/" + parts.map((part) => encodeURIComponent(String(part))).join("/");
}

export function query(values: Record<string, string | number | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return given.length === 0 ? "" :
    "?" + given.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`).join("&");
}

// A multicast that nobody took has the error's status and an outcome's members: it is an outcome all the same.
export async function send(request: SendRequest): Promise<Outcome> {
  return post<Outcome>("/api/send", request);
}

export interface FileTarget {
  cast_type: string;
  recipients?: string[];
  group_id?: string;
  sender?: string;
}

// Uploads a file as it is. fetch tells nothing of an upload's progress, XMLHttpRequest does.
export function sendFile(file: File, target: FileTarget, progress: (sent: number) => void,
                         signal: AbortSignal): Promise<Outcome> {
  const { cast_type, recipients, group_id, sender } = target;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/files" + query({
      cast_type, recipients: recipients?.join(","), group_id, sender, filename: file.name,
    }));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onerror = () => reject(new Problem("unreachable", "", ""));
    request.onabort = () => reject(new Problem("stopped", "", ""));
    request.onload = () => {
      try {
        if (request.status < 200 || request.status > 299) throw problemOf(request.status, request.responseText);
        resolve(JSON.parse(request.responseText) as Outcome);
      } catch (error) {
        reject(Problem.of(error));
      }
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
