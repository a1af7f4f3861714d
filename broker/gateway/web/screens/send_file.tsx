// The field that takes a file: dropped on it, or picked.
import { DragEvent, useRef, useState } from "react";
import { joined, size } from "../lib/format";
import { useText } from "../lib/text";
import { Icon } from "../ui/icons";

export function FileField({ file, onChange }: { file: File | null; onChange: (file: File | null) => void }) {
  const t = useText();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);

  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    const dropped = event.dataTransfer.files[0];
    if (dropped) onChange(dropped);
  }

  return (
    <div className={"drop" + (over ? " over" : "")} onDragOver={(event) => {
      event.preventDefault();
      setOver(true);
    }} onDragLeave={() => setOver(false)} onDrop={drop}>
      <Icon name="file" size={24} />
      {file ? (
        <p className="said">
          <bdi className="mono">{file.name}</bdi> <span className="quiet">{joined(size(file.size))}</span>
        </p>
      ) : (
        <p>{t("send.file.drop")}</p>
      )}
      <button type="button" className="button" onClick={() => input.current?.click()}>
        {t(file ? "send.file.other" : "send.file.pick")}
      </button>
      <input ref={input} type="file" name="file" className="hear" tabIndex={-1} aria-label={t("send.type.file")}
        onChange={(event) => onChange(event.target.files?.[0] ?? null)} />
      <p className="note">{t("send.file.note")}</p>
    </div>
  );
}
