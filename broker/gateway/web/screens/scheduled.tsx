// Scheduled: what the broker keeps for a later time, the next one first, and a way to call it off.
import { useState } from "react";
import { path, query, remove } from "../lib/api";
import { useData } from "../lib/data";
import { count, joined, size, span } from "../lib/format";
import { to } from "../lib/route";
import { useText } from "../lib/text";
import { ScheduledInfo, ScheduledList } from "../lib/types";
import { FormDialog } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { CastBadge, GroupLink, NodeLink, When } from "../ui/marks";
import { noticeDone } from "../ui/notices";
import { Empty, Failure, Loading } from "../ui/states";

const kPage = 100;
const kMost = 1000;
const kRefreshMs = 1000;

function Target({ later }: { later: ScheduledInfo }) {
  const t = useText();
  if (later.cast_type === "unicast") return <NodeLink id={later.target} />;
  if (later.cast_type === "multicast") return <GroupLink id={later.target} />;
  return <span className="quiet">{t("message.everybody")}</span>;
}

function Rows({ all, now, onCancel }: { all: ScheduledInfo[]; now: number; onCancel: (later: ScheduledInfo) => void }) {
  const t = useText();
  return (
    <table className="table">
      <thead>
        <tr>
          <th className="when">{t("later.due")}</th>
          <th className="target">{t("later.target")}</th>
          <th className="wide">{t("send.sender")}</th>
          <th className="fit wide">{t("send.cast")}</th>
          <th className="num wide">{t("message.size")}</th>
          <th className="fit">
            <span className="hear">{t("later.cancel")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {all.map((later) => (
          <tr key={later.id} data-later={later.id}>
            <td>
              <When us={later.due_us} />
              <div className="quiet small">
                {later.due_us > now ? t("later.in", { span: span((later.due_us - now) / 1e6) }) : t("later.room")}
              </div>
            </td>
            <td>
              <div className="clip">
                <Target later={later} />
              </div>
            </td>
            <td className="wide">
              <div className="clip mono">{later.sender}</div>
            </td>
            <td className="fit wide">
              <CastBadge cast={later.cast_type} />
            </td>
            <td className="num wide">{joined(size(later.bytes))}</td>
            <td className="fit">
              <button type="button" className="button plain icon"
                aria-label={t("later.cancel.title", { name: later.target || t("message.everybody") })}
                onClick={() => onCancel(later)}>
                <Icon name="trash" />
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cancel({ later, onClose }: { later: ScheduledInfo; onClose: () => void }) {
  const t = useText();
  async function run() {
    await remove(path("later", later.id));
    noticeDone(t("later.canceled"));
  }
  return (
    <FormDialog title={t("later.cancel.title", { name: later.target || t("message.everybody") })}
      action={t("later.cancel")} danger onClose={onClose} run={run}>
      <p>{t("later.cancel.text", { n: later.messages })}</p>
    </FormDialog>
  );
}

export function Scheduled() {
  const t = useText();
  const [limit, setLimit] = useState(kPage);
  const [doomed, setDoomed] = useState<ScheduledInfo | null>(null);
  const { data, problem, reload } = useData<ScheduledList>("/api/later" + query({ count: limit }), kRefreshMs);
  const compose = (
    <a className="button primary" href={to("send")}>
      <Icon name="send" />
      {t("later.compose")}
    </a>
  );
  if (problem && !data) return <Failure problem={problem} retry={reload} />;
  if (!data) return <Loading />;
  return (
    <>
      {problem && <Failure problem={problem} retry={reload} />}
      <div className="row">
        <span className="quiet small">{t("later.count", { n: data.messages, size: joined(size(data.bytes)) })}</span>
        <span className="push" />
        {data.later.length > 0 && compose}
      </div>
      <section className="card">
        {data.later.length === 0 && (
          <Empty icon="later" title={t("later.none")} action={compose}>{t("later.none.hint")}</Empty>
        )}
        {data.later.length > 0 && <Rows all={data.later} now={data.time_us} onCancel={setDoomed} />}
      </section>
      {data.later.length === limit && limit < kMost && (
        <div className="row center">
          <button type="button" className="button" onClick={() => setLimit(Math.min(kMost, limit * 3))}>
            {t("later.more", { n: count(limit) })}
          </button>
        </div>
      )}
      {doomed && <Cancel later={doomed} onClose={() => {
        setDoomed(null);
        reload();
      }} />}
    </>
  );
}
