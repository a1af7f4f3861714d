// Messages in a log: who to whom, what, and on demand the rest. What somebody wrote is text here, whatever it looks
// like.
import { ReactNode, useState } from "react";
import { joined, size } from "../lib/format";
import { useText } from "../lib/text";
import { Message } from "../lib/types";
import { CastBadge, Facts, GroupLink, NodeLink, When } from "./marks";

const kShort = 280; // characters of a row
const kLong = 20_000; // characters of an opened row: a browser gets slow with millions in one box

export function textOf(message: Message): string {
  if (message.content_b64 !== undefined) return message.content_b64;
  if (typeof message.content === "string" && message.message_type !== "json") return message.content;
  return message.content === undefined ? "" : JSON.stringify(message.content, null, 2);
}

function Target({ message }: { message: Message }) {
  const t = useText();
  if (message.cast_type === "broadcast") return <span>{t("message.everybody")}</span>;
  return message.cast_type === "multicast"
    ? <GroupLink id={message.group_id ?? message.target} />
    : <NodeLink id={message.target} />;
}

function Details({ message }: { message: Message }) {
  const t = useText();
  const facts: [string, ReactNode][] = [
    [t("message.id"), message.id || "–"],
    [t("message.type"), message.message_type],
    [t("message.priority"), message.priority],
    [t("message.sequence"), `${message.stream}:${message.sequence}`],
    [t("message.size"), joined(size(message.size))],
    ...Object.entries(message.headers).map(([key, value]): [string, ReactNode] => [key, value]),
  ];
  return <Facts facts={facts} small />;
}

export function Payload({ message, open }: { message: Message; open: boolean }) {
  const t = useText();
  const text = textOf(message);
  const shown = text.slice(0, open ? kLong : kShort);
  const cut = message.truncated || shown.length < text.length;
  if (!open) {
    return (
      <div className="clip mono" dir="auto">
        {shown.replace(/\s+/g, " ") || t("message.blank")}
      </div>
    );
  }
  return (
    <>
      <pre className="payload said" dir="auto" tabIndex={0}>{shown}</pre>
      {cut && <p className="note">{t("message.cut", { size: joined(size(message.size)) })}</p>}
      {message.content_b64 !== undefined && <p className="note">{t("message.bytes")}</p>}
    </>
  );
}

export function MessageRow({ message }: { message: Message }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  return (
    <li>
      <When us={message.time_us} />
      <span>
        <CastBadge cast={message.cast_type} />
      </span>
      <div className={"entry grow" + (open ? " open" : "")}>
        <div className="route">
          <NodeLink id={message.sender} />
          <span aria-hidden="true">→</span>
          <span className="hear">{t("message.to")}</span>
          <Target message={message} />
          {message.message_type !== "text" && <span className="badge clip">{message.message_type}</span>}
          {message.priority !== 4 && (
            <span className="badge">{t("message.priority.short", { n: message.priority })}</span>
          )}
          {message.redelivered && <span className="badge warn">{t("message.redelivered")}</span>}
        </div>
        <div className="what">
          <Payload message={message} open={open} />
          {open && <Details message={message} />}
        </div>
        <button type="button" className="linky" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t("do.less") : t("do.more")}
        </button>
      </div>
    </li>
  );
}

export function keyOf(message: Message): string {
  return `${message.stream}:${message.sequence}:${message.time_us}:${message.sender}`;
}
