// Being a node from the browser: receives as it over a WebSocket of its own, acknowledges what was shown, and sends.
import { FormEvent, useEffect, useRef, useState } from "react";
import { useNodeNames } from "../lib/data";
import { Socket } from "../lib/socket";
import { useStore } from "../lib/store";
import { useText } from "../lib/text";
import { Message, Outcome } from "../lib/types";
import { Chips } from "../ui/chips";
import { Field } from "../ui/fields";
import { Icon } from "../ui/icons";
import { When } from "../ui/marks";
import { Payload } from "../ui/message";
import { Empty } from "../ui/states";

const kKept = 200;
const kFinal = [1000, 1008, 4000, 4001]; // the server meant it: refused, taken over, deleted

interface Said {
  key: number;
  mine: boolean;
  message: Message;
  outcome?: Outcome | null;
}

function own(id: string, content: string, recipients: string[], key: number): Said {
  const message: Message = {
    cast_type: "unicast", message_type: "text", content, sender: id, target: recipients.join(", "), group_id: null,
    priority: 4, headers: {}, sequence: 0, stream: 0, size: content.length, time_us: Date.now() * 1000,
    redelivered: false, acknowledged: false,
  };
  return { key, mine: true, message, outcome: null };
}

function Bubble({ said }: { said: Said }) {
  const t = useText();
  const { message, mine, outcome } = said;
  const failed = outcome?.failed_recipients ?? [];
  return (
    <li className={"bubble" + (mine ? " mine" : "")}>
      <p className="route small quiet">
        <bdi className="mono clip">{mine ? t("console.to", { name: message.target }) : message.sender}</bdi>
        {message.cast_type !== "unicast" && <span>{message.group_id ?? t("message.everybody")}</span>}
        {message.redelivered && <span>{t("message.redelivered")}</span>}
        <When us={message.time_us} />
      </p>
      <Payload message={message} open />
      {failed.map((one) => (
        <p key={one.node_id} className="note bad said">{one.node_id}: {one.reason || one.code}</p>
      ))}
    </li>
  );
}

// The connection, and what came over it.
function useConsole(id: string, attempt: number) {
  const [said, setSaid] = useState<Said[]>([]);
  const [socket, setSocket] = useState<Socket | null>(null);
  const keys = useRef(0);
  useEffect(() => {
    const add = (one: Said) => setSaid((all) => [...all, one].slice(-kKept));
    const made: Socket = new Socket(`/ws/nodes/${encodeURIComponent(id)}` + (attempt > 0 ? "?take_over=true" : ""), {
      final: (code) => kFinal.includes(code),
      silenceMs: 90_000,
      said: (words) => {
        if (words.type === "message") {
          add({ key: ++keys.current, mine: false, message: words.message as Message });
          made.send({ type: "ack", n: words.n });
        } else if (words.type === "sent" || words.type === "error") {
          const outcome = words.type === "sent" ? (words as unknown as Outcome) : failure(words);
          setSaid((all) => all.map((one) => (one.key === words.ref && one.mine ? { ...one, outcome } : one)));
        }
      },
    });
    setSocket(made);
    const beat = window.setInterval(() => made.send({ type: "ping" }), 20_000);
    return () => {
      clearInterval(beat);
      made.close();
    };
  }, [id, attempt]);

  function send(content: string, recipients: string[]): boolean {
    const key = ++keys.current;
    if (!socket?.send({ type: "send", ref: key, cast_type: "unicast", content, recipients })) return false;
    setSaid((all) => [...all, own(id, content, recipients, key)].slice(-kKept));
    return true;
  }
  return { said, socket, send };
}

function failure(words: Record<string, unknown>): Outcome {
  const reason = [words.message, words.hint].filter(Boolean).join(": ");
  const code = String(words.code ?? "internal");
  return {
    success: false, message: "", recipients_count: 0, failed_recipients: [{ node_id: code, code, reason }],
    delivery_time: 0,
  };
}

function State({ socket, onTakeOver }: { socket: Socket; onTakeOver: () => void }) {
  const t = useText();
  const { state, code, reason } = useStore(socket.link);
  if (state === "open") {
    return <span className="badge good"><span className="dot" />{t("console.open")}</span>;
  }
  if (state === "closed") {
    const text = code === 4000 ? t("console.taken") : code === 4001 ? t("console.deleted") : t("console.refused");
    return (
      <div className="alert row grow" role="alert">
        <p className="grow said">{text} <bdi>{reason}</bdi></p>
        {code !== 4001 && (
          <button type="button" className="button" onClick={onTakeOver}>
            {t("console.take_over")}
          </button>
        )}
      </div>
    );
  }
  return <span className="badge warn"><span className="dot" />{t("link.connecting")}</span>;
}

function Talk({ id }: { id: string }) {
  const t = useText();
  const names = useNodeNames().filter((name) => name !== id);
  const [attempt, setAttempt] = useState(0);
  const { said, socket, send } = useConsole(id, attempt);
  const [text, setText] = useState("");
  const [recipients, setRecipients] = useState<string[]>([]);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [said.length]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (text !== "" && recipients.length > 0 && send(text, recipients)) setText("");
  }

  return (
    <>
      <div className="row padded">{socket && <State socket={socket} onTakeOver={() => setAttempt(attempt + 1)} />}</div>
      <ol className="bubbles" ref={list} aria-live="polite" aria-label={t("node.console")} tabIndex={0}>
        {said.length === 0 && <li className="quiet small">{t("console.nothing")}</li>}
        {said.map((one) => (
          <Bubble key={one.key} said={one} />
        ))}
      </ol>
      <form className="stack padded" onSubmit={submit}>
        <Chips label={t("send.recipients")} name="console_to" values={recipients} onChange={setRecipients}
          list={names} />
        <div className="row end">
          <div className="grow">
            <Field label={t("console.text")}>
              {(props) => <input {...props} className="input" name="console_text" dir="auto" value={text}
                autoComplete="off" onChange={(event) => setText(event.target.value)} />}
            </Field>
          </div>
          <button type="submit" className="button primary" disabled={text === "" || recipients.length === 0}>
            <Icon name="send" />
            {t("do.send")}
          </button>
        </div>
      </form>
    </>
  );
}

// Receiving takes messages out of the mailbox, so it begins only when somebody asks for it.
export function Console({ id }: { id: string }) {
  const t = useText();
  const [begun, setBegun] = useState(false);
  if (begun) return <Talk id={id} />;
  return (
    <Empty icon="live" title={t("console.title", { name: id })} action={
      <button type="button" className="button primary" onClick={() => setBegun(true)}>
        <Icon name="play" />
        {t("console.begin")}
      </button>
    }>
      {t("console.hint")}
    </Empty>
  );
}
