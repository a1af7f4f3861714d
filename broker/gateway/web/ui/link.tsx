// How the page's connection to the broker stands: a mark in the navigation, a line on top when it is cut.
import { useEffect, useState } from "react";
import { link, outdated, reconnect, status } from "../lib/live";
import { useStore } from "../lib/store";
import { useText } from "../lib/text";

export function LinkMark() {
  const t = useText();
  const { state } = useStore(link);
  const now = useStore(status);
  const ill = state === "open" && now?.status === "degraded";
  const level = ill ? "bad" : state === "open" ? "good" : "warn";
  return (
    <p className="link-state" id="link-state" data-state={state}>
      <span className={"dot " + level} />
      {t(ill ? "broker.degraded" : state === "open" ? "link.open" : "link.connecting")}
    </p>
  );
}

// Counts down to the next attempt. The first attempt of a visit is not worth a line.
export function Lost() {
  const t = useText();
  const { state, retryAt, attempt } = useStore(link);
  const [, tick] = useState(0);
  const cut = state !== "open" && attempt > 0;
  useEffect(() => {
    if (!cut) return;
    const timer = window.setInterval(() => tick((last) => last + 1), 500);
    return () => clearInterval(timer);
  }, [cut]);
  const old = useStore(outdated);
  if (!cut && old) {
    return (
      <div className="lost" role="status">
        <strong>{t("link.outdated")}</strong>
        <button type="button" className="linky push" onClick={() => location.reload()}>
          {t("link.reload")}
        </button>
      </div>
    );
  }
  if (!cut) return <div role="status" />;
  const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  return (
    <div className="lost" id="lost">
      <span role="status">
        <strong>{t("link.lost")}</strong> {t("link.lost.hint")}
      </span>
      <span>{state === "connecting" || seconds === 0 ? t("link.connecting") : t("link.again", { n: seconds })}</span>
      <button type="button" className="linky push" onClick={reconnect}>
        {t("link.now")}
      </button>
    </div>
  );
}
