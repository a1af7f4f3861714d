// The stored messages of a node, a group or the broadcast, the newest first, page after page.
import { useState } from "react";
import { Problem, get, query } from "../lib/api";
import { useData } from "../lib/data";
import { useText } from "../lib/text";
import { Message, MessagePage } from "../lib/types";
import { MessageRow, keyOf } from "./message";
import { Empty, Failure, Loading } from "./states";

const kPage = 50;

export function MessageLog({ path, empty }: { path: string; empty: string }) {
  const t = useText();
  const { data, problem, reload } = useData<MessagePage>(path + query({ count: kPage }), 3000);
  const [older, setOlder] = useState<{ messages: Message[]; next: number | null } | null>(null);
  const [failed, setFailed] = useState<Problem | null>(null);

  if (problem && problem.status === 501) {
    return <Empty icon="events" title={t("log.unkept")}>{problem.said().hint}</Empty>;
  }
  if (problem && !data) return <Failure problem={problem} retry={reload} />;
  if (!data) return <Loading />;
  if (data.messages.length === 0) return <Empty icon="dead" title={t("log.empty")}>{empty}</Empty>;

  const known = new Set(data.messages.map(keyOf));
  const all = [...data.messages, ...(older?.messages ?? []).filter((message) => !known.has(keyOf(message)))];
  const next = older ? older.next : data.next_before;

  async function more() {
    try {
      const page = await get<MessagePage>(path + query({ count: kPage, before: next ?? undefined }));
      setOlder({ messages: [...(older?.messages ?? data!.messages), ...page.messages], next: page.next_before });
      setFailed(null);
    } catch (error) {
      setFailed(Problem.of(error));
    }
  }

  return (
    <>
      <ol className="log">
        {all.map((message) => (
          <MessageRow key={keyOf(message)} message={message} />
        ))}
      </ol>
      {failed && <Failure problem={failed} />}
      {next !== null && (
        <div className="row center">
          <button type="button" className="button plain" onClick={more}>
            {t("log.older")}
          </button>
        </div>
      )}
    </>
  );
}
