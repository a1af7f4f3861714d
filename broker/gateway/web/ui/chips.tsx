// Several names in one field: Enter, comma or space takes one in, Backspace on an empty field takes the last one out.
import { KeyboardEvent, useId, useState } from "react";
import { useText } from "../lib/text";
import { Field, kName } from "./fields";
import { Icon } from "./icons";

interface ChipsProps {
  label: string;
  note?: string;
  name: string;
  values: string[];
  onChange: (values: string[]) => void;
  list: readonly string[];
}

export function Chips({ label, note, name, values, onChange, list }: ChipsProps) {
  const t = useText();
  const options = useId();
  const [typed, setTyped] = useState("");
  const wrong = typed !== "" && !kName.test(typed) ? t("name.wrong") : null;

  function take(text: string): void {
    const names = text.split(/[\s,]+/).filter((part) => part !== "");
    const good = names.filter((part) => kName.test(part));
    if (good.length > 0) onChange([...new Set([...values, ...good])]);
    setTyped(names.filter((part) => !kName.test(part)).join(" "));
  }

  function type(text: string): void {
    const picked = list.includes(text) && text.length > typed.length + 1; // chosen from the suggestions, not typed
    if (picked || /[\s,]/.test(text)) take(text);
    else setTyped(text);
  }

  function press(event: KeyboardEvent<HTMLInputElement>): void {
    if (event.key === "Enter" && typed !== "" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      take(typed);
    } else if (event.key === "Backspace" && typed === "") {
      onChange(values.slice(0, -1));
    }
  }

  return (
    <Field label={label} note={note} wrong={wrong}>
      {(props) => (
        <div className="chips">
          {values.map((value) => (
            <span key={value} className="chip">
              <span className="clip">{value}</span>
              <button type="button" aria-label={t("send.remove", { name: value })}
                onClick={() => onChange(values.filter((other) => other !== value))}>
                <Icon name="close" size={12} />
              </button>
            </span>
          ))}
          <input {...props} className="input mono" name={name} value={typed} list={options} autoComplete="off"
            autoCapitalize="off" spellCheck={false} onChange={(event) => type(event.target.value)} onKeyDown={press}
            onBlur={() => take(typed)} />
          <datalist id={options}>
            {list.filter((item) => !values.includes(item)).map((item) => (
              <option key={item} value={item} />
            ))}
          </datalist>
        </div>
      )}
    </Field>
  );
}
