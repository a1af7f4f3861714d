// The words of the page in the reader's language: as the browser asks for, until somebody chooses.
import { en } from "./en";
import { Store, remember, remembered, useStore } from "./store";
import { zh } from "./zh";

export type Language = "en" | "zh";
export type Key = keyof typeof en;
export type Words = Record<Key, string>;
export type Values = Record<string, string | number>;

const words: Record<Language, Words> = { en, zh };

function preferred(): Language {
  const chosen = remembered("language");
  if (chosen === "en" || chosen === "zh") return chosen;
  for (const tag of navigator.languages) {
    if (/^zh\b/i.test(tag)) return "zh";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}

export const language = new Store<Language>(preferred());

function show(): void {
  document.documentElement.lang = language.get() === "zh" ? "zh-CN" : "en";
}

export function chooseLanguage(value: Language): void {
  remember("language", value);
  language.set(value);
}

// "{n} of {total}" takes the values by name; "{n|node|nodes}" the first word when n is 1, else the second.
export function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (whole, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return one === undefined ? String(value) : String(value) === "1" ? one : many ?? "";
  });
}

export function say(key: Key, values: Values = {}): string {
  return fill(words[language.get()][key], values);
}

// The sentence for a code of the API in the language of the page, or none where only the server has words for it.
export function sayCode(code: string): string | null {
  const table: Record<string, string> = words[language.get()];
  return table["code." + code] ?? null;
}

// The word for a kind of event; its own name where there is none.
export function sayEvent(kind: string): string {
  const table: Record<string, string> = words[language.get()];
  return table["event." + kind] ?? kind;
}

// For components: renders again when the language changes.
export function useText(): typeof say {
  useStore(language);
  return say;
}

language.watch(show);
show();
