// The fields of forms: a label that belongs to its input, a note below, a choice of a few.
import { ReactNode, useId } from "react";
import { useText } from "../lib/text";
import { Icon } from "./icons";

interface FieldProps {
  label: string;
  note?: string | null;
  wrong?: string | null; // why the value cannot be taken; shown instead of the note
  children: (props: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => ReactNode;
}

export function Field({ label, note, wrong, children }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": id + "n", "aria-invalid": Boolean(wrong) })}
      <span id={id + "n"} className={"note" + (wrong ? " bad" : "")}>
        {wrong || note}
      </span>
    </div>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  name: string;
  value: T;
  options: { value: T; label: ReactNode }[];
  onChange: (value: T) => void;
  wide?: boolean;
  shown?: boolean; // whether the label is seen, or only heard
}

// A choice of a few, all in sight. Radio buttons underneath: arrow keys move, Tab passes.
export function Segments<T extends string>({ label, name, value, options, onChange, wide, shown }: SegmentsProps<T>) {
  return (
    <fieldset>
      <legend className={shown ? "label" : "hear"}>{label}</legend>
      <div className={"segments" + (wide ? " wide" : "")}>
        {options.map((option) => (
          <label key={option.value}>
            <input type="radio" name={name} value={option.value} checked={value === option.value}
              onChange={() => onChange(option.value)} />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface SearchProps {
  value: string;
  onChange: (value: string) => void;
  label: string;
}

export function Search({ value, onChange, label }: SearchProps) {
  return (
    <div className="search">
      <Icon name="search" />
      <input className="input" type="search" value={value} placeholder={label} aria-label={label} spellCheck={false}
        onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}

export const kName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

interface NameFieldProps {
  label: string;
  note?: string;
  value: string;
  onChange: (value: string) => void;
  name: string;
  list?: readonly string[]; // what to suggest
  optional?: boolean;
}

// A field for the name of a node or group; says at once what a name may be.
export function NameField({ label, note, value, onChange, name, list = [], optional }: NameFieldProps) {
  const t = useText();
  const options = useId();
  const wrong = value !== "" && !kName.test(value) ? t("name.wrong") : null;
  return (
    <Field label={label} note={note} wrong={wrong}>
      {(props) => (
        <>
          <input {...props} className="input mono" name={name} value={value} required={!optional} autoComplete="off"
            autoCapitalize="off" spellCheck={false} list={options}
            onChange={(event) => onChange(event.target.value.trim())} />
          <datalist id={options}>
            {list.map((item) => (
              <option key={item} value={item} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
