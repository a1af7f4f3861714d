// A component's own data: loaded, loaded again when something changed, and let go with the component.
import { useCallback, useEffect, useRef, useState } from "react";
import { Problem, get, query } from "./api";
import { changes, link } from "./live";
import { useStore } from "./store";
import { NodeList } from "./types";

export interface Loaded<T> {
  data: T | null; // the last that came, also while a newer one is on its way or failed to come
  problem: Problem | null;
  reload: () => void;
}

// One request at a time: who asks while one is under way gets another one after it.
class Loader<T> {
  private stop = new AbortController();
  private busy = false;
  private again = false;

  constructor(private path: string, private done: (data: T | null, problem: Problem | null) => void) {}

  load = async (): Promise<void> => {
    this.again = this.busy;
    if (this.busy) return;
    this.busy = true;
    let data: T | null = null;
    let problem: Problem | null = null;
    try {
      data = await get<T>(this.path, this.stop.signal);
    } catch (error) {
      problem = Problem.of(error);
    }
    this.busy = false;
    if (this.stop.signal.aborted) return;
    this.done(data, problem);
    if (this.again) void this.load();
  };

  end(): void {
    this.stop.abort();
  }
}

// Loads when the path changes, at every change that the broker tells of, after a reconnect, and every few seconds.
export function useData<T>(path: string | null, everyMs = 0): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; data: T | null; problem: Problem | null }>(
    { path, data: null, problem: null });
  const loader = useRef<Loader<T> | null>(null);
  const changed = useStore(changes);
  const open = useStore(link).state === "open";

  useEffect(() => {
    if (path === null) return;
    const made = new Loader<T>(path, (data, problem) => setState((last) => (
      { path, data: data ?? (last.path === path ? last.data : null), problem }
    )));
    loader.current = made;
    const timer = everyMs > 0 ? window.setInterval(() => {
      if (document.visibilityState === "visible") void made.load();
    }, everyMs) : 0;
    return () => {
      made.end();
      clearInterval(timer);
      loader.current = null;
    };
  }, [path, everyMs]);

  useEffect(() => {
    void loader.current?.load();
  }, [path, everyMs, changed, open]);

  const reload = useCallback(() => void loader.current?.load(), []);
  const own = state.path === path;
  return { data: own ? state.data : null, problem: own ? state.problem : null, reload };
}

// A page of a list that is searched and turned; the one before stays in sight while the next is on its way.
export function useList<T extends { total: number }>(path: string, search: string, size: number, everyMs: number) {
  const [place, setPlace] = useState({ search, from: 0 });
  const from = place.search === search ? place.from : 0;
  const { data, problem, reload } = useData<T>(
    path + query({ search: search.trim(), offset: from, limit: size }), everyMs);
  const [last, setLast] = useState<{ list: T; from: number } | null>(null);
  if (data !== null && data !== last?.list) setLast({ list: data, from });
  const turn = (to: number) => setPlace({ search, from: to });
  useEffect(() => {
    // Its last ones went.
    if (data && from >= data.total && from > 0) turn(Math.floor(Math.max(0, data.total - 1) / size) * size);
  });
  return { list: data ?? last?.list ?? null, from: data ? from : last?.from ?? 0, problem, reload, turn };
}

// The names to suggest in fields: the first thousand.
export function useNodeNames(): string[] {
  return useData<NodeList>("/api/nodes?limit=1000").data?.nodes.map((node) => node.node_id) ?? [];
}
