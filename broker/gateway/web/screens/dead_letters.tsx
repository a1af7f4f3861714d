// Dead letters: what could not be delivered, why, and what to do with it: send it again, or let it go.
import { useState } from "react";
import { path, post, query, remove } from "../lib/api";
import { useData } from "../lib/data";
import { count } from "../lib/format";
import { sayCode, useText } from "../lib/text";
import { DeadLetter, DeadLetterPage } from "../lib/types";
import { FormDialog } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { When } from "../ui/marks";
import { MessageRow } from "../ui/message";
import { noticeDone, noticeFailed } from "../ui/notices";
import { Empty, Failure, Loading } from "../ui/states";

const kPage = 50;
const kRefreshMs = 3000;

function DeadLetterRow({ letter, reload }: { letter: DeadLetter; reload: () => void }) {
  const t = useText();

  async function act(does: () => Promise<unknown>, done: string) {
    try {
      await does();
      noticeDone(done);
    } catch (error) {
      noticeFailed(error);
    }
    reload();
  }

  return (
    <div className="letter" data-seq={letter.seq}>
      <div className="row tight padded">
        <span className="badge bad said">
          {letter.reason === "deleted" ? t("dead.deleted") : sayCode(letter.reason) ?? letter.reason}
        </span>
        <span className="quiet small">
          <When us={letter.dead_us} />
        </span>
        <span className="row tight push">
          <button type="button" className="button" name="requeue"
            onClick={() => act(() => post(path("dead", letter.seq, "requeue"), {}),
              t("dead.requeued", { name: letter.node_id }))}>
            <Icon name="retry" />
            {t("dead.requeue")}
          </button>
          <button type="button" className="button plain icon" aria-label={t("dead.drop")}
            onClick={() => act(() => remove(path("dead", letter.seq)), t("dead.dropped"))}>
            <Icon name="trash" />
          </button>
        </span>
      </div>
      <ol className="log">
        <MessageRow message={letter.message} />
      </ol>
    </div>
  );
}

export function Dead() {
  const t = useText();
  const [limit, setLimit] = useState(kPage);
  const [purging, setPurging] = useState(false);
  const { data, problem, reload } = useData<DeadLetterPage>("/api/dead" + query({ count: limit }), kRefreshMs);

  async function purge() {
    const { purged } = await remove<{ purged: number }>("/api/dead");
    noticeDone(t("node.purged", { n: purged }));
    reload();
  }

  if (problem && problem.status === 501) {
    return (
      <section className="card">
        <Empty icon="dead" title={t("dead.unkept")}>{problem.said().hint}</Empty>
      </section>
    );
  }
  if (problem && !data) return <Failure problem={problem} retry={reload} />;
  if (!data) return <Loading />;
  if (data.dead.length === 0) {
    return (
      <section className="card">
        <Empty icon="dead" title={t("dead.none")}>{t("dead.none.hint")}</Empty>
      </section>
    );
  }
  return (
    <>
      {problem && <Failure problem={problem} retry={reload} />}
      <div className="row">
        <span className="quiet small">{t("dead.count", { n: data.total })}</span>
        <span className="push" />
        <button type="button" className="button danger" onClick={() => setPurging(true)}>
          <Icon name="trash" />
          {t("dead.purge")}
        </button>
      </div>
      <section className="card">
        {data.dead.map((letter) => (
          <DeadLetterRow key={letter.seq} letter={letter} reload={reload} />
        ))}
      </section>
      {data.next_before !== null && limit < 1000 && (
        <div className="row center">
          <button type="button" className="button" onClick={() => setLimit(Math.min(1000, limit + 200))}>
            {t("do.show_more", { n: count(data.total - data.dead.length) })}
          </button>
        </div>
      )}
      {purging && (
        <FormDialog title={t("dead.purge.title")} action={t("dead.purge")} danger onClose={() => setPurging(false)}
          run={purge}>
          <p>{t("dead.purge.text", { n: data.total })}</p>
        </FormDialog>
      )}
    </>
  );
}
