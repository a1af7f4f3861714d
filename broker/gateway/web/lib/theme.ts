// Light or dark: as the system has it, until somebody chooses. The stylesheet reads data-theme of the root element.
import { Store, remember, remembered } from "./store";

export type Theme = "light" | "dark";

const system = window.matchMedia("(prefers-color-scheme: dark)");
const chosen = remembered("theme");
let following = chosen !== "light" && chosen !== "dark";

export const theme = new Store<Theme>(following ? fromSystem() : (chosen as Theme));

function fromSystem(): Theme {
  return system.matches ? "dark" : "light";
}

function show(): void {
  document.documentElement.dataset.theme = theme.get();
}

export function chooseTheme(value: Theme): void {
  following = false;
  remember("theme", value);
  theme.set(value);
}

// The value of a custom property of the stylesheet, for what is drawn and not styled.
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

system.addEventListener("change", () => {
  if (following) theme.set(fromSystem());
});
theme.watch(show);
show();
