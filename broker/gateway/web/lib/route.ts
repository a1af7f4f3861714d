// The address after "#": which screen, and of what. "#/nodes/alice" is ["nodes", "alice"].
import { Store } from "./store";

function read(): string[] {
  return location.hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

export const route = new Store<string[]>(read());

export function to(...parts: string[]): string {
  return "#/" + parts.map(encodeURIComponent).join("/");
}

export function go(...parts: string[]): void {
  location.hash = to(...parts);
}

window.addEventListener("hashchange", () => route.set(read()));
