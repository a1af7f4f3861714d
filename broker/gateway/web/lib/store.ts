// A value that components can watch. Everything that lives longer than a screen lives in one of these.
import { useSyncExternalStore } from "react";

export class Store<T> {
  private watchers = new Set<() => void>();

  constructor(private value: T) {}

  get = (): T => this.value;

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const watcher of [...this.watchers]) watcher();
  }

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
    };
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.watch, store.get);
}

// What the browser remembers between visits. It may refuse to: then the page works all the same and forgets.
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem("cast." + key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem("cast." + key, value);
  } catch {
    // Not remembered.
  }
}
